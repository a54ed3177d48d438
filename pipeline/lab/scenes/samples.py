"""The sample images in ``policies/samples``: rendered scenes as files of the kinds that people upload.

``python -m pipeline.lab.scenes.samples policies/samples`` draws them again, the same pictures from the same seed.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from pipeline.lab.files import write_atomically
from pipeline.lab.scenes.draw import draw_scenes
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import index_of
from pipeline.lab.scenes.recipes import ALONE, Recipe
from pipeline.lab.scenes.sample_list import GIF_FRAMES, SAMPLES
from pipeline.lab.scenes.wear import to_images

SEED = 2**41  # neither a training seed nor the evaluation's
SIZE = 320
EXIF_ORIENTATION = 0x0112
TURNED_LEFT = 6  # EXIF: "turn me 90 degrees clockwise to show me"


REDRAWN = replace(ALONE, styled=1.0)
"""The same sprites in another hand: flat, within outlines, or as lines alone."""


def draw_sample(atlas: Atlas, name: str, take: int, size: int = SIZE, recipe: Recipe = ALONE) -> Image.Image:
    """Draw one RGB picture of the emoji with this name; another ``take`` is another scene."""
    first = torch.tensor([index_of(name)])
    return to_images(draw_scenes(atlas, 1, size, SEED + take, int(first), recipe=recipe, first=first).pixels)[0]


def write_samples(folder: Path, font: Path | None = None) -> int:
    """Draw every sample into ``folder``; returns how many. Raises `FontError` without the emoji font."""
    atlas = Atlas.build(font)
    for name, take, kind in SAMPLES:
        picture = draw_sample(atlas, name, take, recipe=REDRAWN if kind == "redrawn" else ALONE)
        stem = name.lower().replace(" ", "-")
        _WRITERS[kind](folder / f"{stem}-{take:02}", picture, atlas, name)
    _write_gif(folder / "cats-then-a-knife.gif", atlas)
    return len(SAMPLES) + 1


def _save(path: Path, picture: Image.Image, kind: str, **options: object) -> None:
    write_atomically(path, lambda temporary: picture.save(temporary, kind, **options))


def _jpeg(stem: Path, picture: Image.Image, _atlas: Atlas, _name: str) -> None:
    _save(stem.with_suffix(".jpg"), picture, "JPEG", quality=85)


def _png(stem: Path, picture: Image.Image, _atlas: Atlas, _name: str) -> None:
    """Save with a palette, as screenshots and drawings often come."""
    _save(stem.with_suffix(".png"), picture.quantize(64), "PNG", optimize=True)


def _redrawn(stem: Path, picture: Image.Image, _atlas: Atlas, _name: str) -> None:
    _save(stem.with_name(f"{stem.name}-redrawn.jpg"), picture, "JPEG", quality=85)


def _webp(stem: Path, picture: Image.Image, _atlas: Atlas, _name: str) -> None:
    _save(stem.with_suffix(".webp"), picture, "WEBP", quality=80)


def _grey(stem: Path, picture: Image.Image, _atlas: Atlas, _name: str) -> None:
    """Save with one channel."""
    _save(stem.with_name(f"{stem.name}-grey.jpg"), picture.convert("L"), "JPEG", quality=85)


def _exif(stem: Path, picture: Image.Image, _atlas: Atlas, _name: str) -> None:
    """Save it on its side, with the EXIF tag that says so, as phones do."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_LEFT
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    _save(stem.with_name(f"{stem.name}-exif-turned.jpg"), turned, "JPEG", quality=85, exif=exif)


def _alpha(stem: Path, _picture: Image.Image, atlas: Atlas, name: str) -> None:
    """Save the bare sprite, as stickers are. PNG has straight alpha, so colours are divided by it again."""
    sprite = atlas.levels[0][index_of(name)].float()
    sprite[:3] /= (sprite[3:] / 255).clamp_min(1 / 255)
    rgba = Image.fromarray(sprite.clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy(), "RGBA")
    _save(stem.with_name(f"{stem.name}-transparent.png"), rgba.resize((SIZE, SIZE)), "PNG", optimize=True)


def _write_gif(path: Path, atlas: Atlas) -> None:
    """Save harmless frames with a knife in one near the end, which a look at the first frame alone would miss."""
    frames = [draw_sample(atlas, name, take, SIZE // 2).quantize(64) for name, take in GIF_FRAMES]
    _save(path, frames[0], "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)


_WRITERS = {
    "jpg": _jpeg,
    "png": _png,
    "webp": _webp,
    "grey": _grey,
    "exif": _exif,
    "alpha": _alpha,
    "redrawn": _redrawn,
}


if __name__ == "__main__":
    sys.stdout.write(f"{write_samples(Path(sys.argv[1]))} samples\n")
