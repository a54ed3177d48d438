"""Sprites: every emoji of the lexicon, drawn once from a colour font and kept at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from PIL import Image, ImageDraw, ImageFont

from pipeline.errors import UsageError
from pipeline.lab.scenes.lexicon import load_lexicon

FONT_PATHS = (
    Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),  # Debian, Ubuntu
    Path("/usr/share/fonts/noto/NotoColorEmoji.ttf"),  # Arch, Alpine
    Path("/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf"),  # Fedora
)
SYMBOLA_PATHS = (Path("/usr/share/fonts/truetype/ancient-scripts/Symbola_hint.ttf"),)  # Debian's fonts-symbola
"""A font by another hand, which draws many of the same emoji in black outlines."""
BITMAP_SIZE = 109  # the one size, in points, at which Noto Color Emoji holds its bitmaps
OUTLINE_SIZE = 200
TRIED = "\U0001f600\U0001f415\U0001f52a"
"""A face, a dog and a knife, one of which a font of emoji has."""
CELL = (136, 128)  # width and height of a bitmap of that size, in pixels
LEVELS = (128, 64, 32, 16)  # sprite sizes kept, in pixels; a scene samples the smallest that it need not enlarge


class FontError(UsageError):
    """No usable colour emoji font."""


def find_font(path: Path | None = None) -> Path:
    """The emoji font at ``path``, or by default where distributions put it. Raises `FontError` when there is none."""
    candidates = (path,) if path else FONT_PATHS
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    where = f"no font at {path}" if path else "Noto Color Emoji is not installed"
    raise FontError(f"{where}: install Debian's fonts-noto-color-emoji, or name the file with --font PATH")


def open_font(path: Path) -> ImageFont.FreeTypeFont:
    """The font at its bitmap size. Raises `FontError` for a file that is no bitmap emoji font."""
    try:
        font = ImageFont.truetype(str(path), BITMAP_SIZE)
    except OSError as error:
        raise FontError(f"{path} is not a bitmap emoji font ({error}): use NotoColorEmoji.ttf") from error
    if not any(_in_colours(draw(font, emoji)) for emoji in TRIED):  # outlines take any size, and have one colour
        raise FontError(f"{path} is not a bitmap emoji font (it draws no emoji in colours): use NotoColorEmoji.ttf")
    return font


def _in_colours(picture: Image.Image) -> bool:
    """Whether anything in it is neither white, grey nor black."""
    saturation = picture.convert("RGB").convert("HSV").getchannel("S")
    return bool(np.asarray(saturation).any())


def draw(font: ImageFont.FreeTypeFont, char: str) -> Image.Image:
    """Draw one emoji as RGBA, 128x128, on transparent ground."""
    cell = Image.new("RGBA", CELL)
    ImageDraw.Draw(cell).text((0, 0), char, font=font, embedded_color=True)
    return cell.crop((4, 0, 132, 128))  # the bitmap is wider than the picture in it


def draw_outline(font: ImageFont.FreeTypeFont, char: str) -> Image.Image:
    """Draw one character in black as RGBA, 128x128, on transparent ground, as large as fits."""
    left, top, right, bottom = font.getbbox(char)
    wide, high = max(1, int(right - left)), max(1, int(bottom - top))
    glyph = Image.new("RGBA", (wide, high))
    ImageDraw.Draw(glyph).text((-left, -top), char, font=font, fill="black")
    size = LEVELS[0]
    scale = (size - 4) / max(wide, high)
    glyph = glyph.resize((max(1, round(wide * scale)), max(1, round(high * scale))), Image.Resampling.LANCZOS)
    cell = Image.new("RGBA", (size, size))
    cell.paste(glyph, ((size - glyph.width) // 2, (size - glyph.height) // 2))
    return cell


def has_glyph(font: ImageFont.FreeTypeFont, char: str) -> bool:
    return draw(font, char).getbbox() is not None


@dataclass(frozen=True)
class Atlas:
    """All sprites, ``levels[k]: uint8[N,4,L,L]`` with L = ``LEVELS[k]``: RGB premultiplied by alpha, then alpha.

    They are premultiplied so that interpolation does not bleed the (black) colour of transparent pixels into edges.
    """

    levels: tuple[torch.Tensor, ...]
    drawings: torch.Tensor | None = None
    """``int64[K,D]``: for each thing of the lexicon D rows of ``levels`` that draw it, each as likely as the others.

    None where row k draws thing k.
    """

    @property
    def count(self) -> int:
        """How many things it draws."""
        return (self.levels[0] if self.drawings is None else self.drawings).shape[0]

    def drawn(self, things: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """``int64[B]``: for each thing (`NOTHING` draws any) the row of a drawing of it."""
        if self.drawings is None:
            return things
        picked = torch.randint(self.drawings.shape[1], things.shape, generator=generator)
        return self.drawings[things, picked]

    @classmethod
    def build(cls, font: Path | None = None) -> Atlas:
        """Draw the whole lexicon (about 2 s). Raises `FontError`."""
        face = open_font(find_font(font))
        return cls.of([draw(face, emoji.char) for emoji in load_lexicon()])

    @classmethod
    def outlined(cls, font: Path) -> tuple[Atlas, list[int]]:
        """The lexicon in a font of outlines, and the indices of the emoji that it has; other sprites are empty."""
        face = ImageFont.truetype(str(font), OUTLINE_SIZE)
        # What the font draws for a character that no font has is its sign for a missing glyph.
        missing = face.getmask("\U0010ffff").getbbox(), face.getlength("\U0010ffff")
        pictures, found = [], []
        for index, emoji in enumerate(load_lexicon()):
            known = (face.getmask(emoji.char).getbbox(), face.getlength(emoji.char)) != missing
            pictures.append(draw_outline(face, emoji.char) if known else Image.new("RGBA", (LEVELS[0],) * 2))
            if known and pictures[-1].getbbox():
                found.append(index)
        return cls.of(pictures), found

    @classmethod
    def of(cls, pictures: Sequence[Image.Image]) -> Atlas:
        """The sprites of RGBA pictures of 128x128 pixels, in the lexicon's order."""
        stacked = np.stack([np.asarray(picture) for picture in pictures])
        sprites = torch.from_numpy(stacked).permute(0, 3, 1, 2).float()
        sprites[:, :3] *= sprites[:, 3:] / 255.0
        levels = [sprites]
        while levels[-1].shape[-1] > LEVELS[-1]:
            levels.append(F.avg_pool2d(levels[-1], 2))
        return cls(tuple(level.round().to(torch.uint8) for level in levels))
