"""Sprites: every emoji of the lexicon, drawn once from a colour font and kept at several sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from PIL import Image, ImageDraw, ImageFont

from pipeline.errors import UsageError
from pipeline.lab.lexicon import load_lexicon

FONT_PATHS = (
    Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),  # Debian, Ubuntu
    Path("/usr/share/fonts/noto/NotoColorEmoji.ttf"),  # Arch, Alpine
    Path("/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf"),  # Fedora
)
BITMAP_SIZE = 109  # the one size, in points, at which Noto Color Emoji holds its bitmaps
CELL = (136, 128)  # what a bitmap of that size covers, in pixels
LEVELS = (128, 64, 32, 16)  # sprite sizes kept, in pixels; a scene samples the nearest one that is larger


class FontError(UsageError):
    """No usable colour emoji font."""


def find_font(path: Path | None = None) -> Path:
    """The emoji font at ``path``, or where distributions put it. Raises `FontError` when there is none."""
    candidates = (path,) if path else FONT_PATHS
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    where = f"no font at {path}" if path else "Noto Color Emoji is not installed"
    raise FontError(f"{where}: install Debian's fonts-noto-color-emoji, or name the file with --font PATH")


def open_font(path: Path) -> ImageFont.FreeTypeFont:
    """The font at its bitmap size. Raises `FontError` for a file that is no bitmap emoji font."""
    try:
        return ImageFont.truetype(str(path), BITMAP_SIZE)
    except OSError as error:
        raise FontError(f"{path} is not a bitmap emoji font ({error}): use NotoColorEmoji.ttf") from error


def draw(font: ImageFont.FreeTypeFont, char: str) -> Image.Image:
    """One emoji as RGBA, 128x128, transparent around it."""
    cell = Image.new("RGBA", CELL)
    ImageDraw.Draw(cell).text((0, 0), char, font=font, embedded_color=True)
    return cell.crop((4, 0, 132, 128))  # the glyph's advance is wider than its picture


def has_glyph(font: ImageFont.FreeTypeFont, char: str) -> bool:
    """Whether the font draws anything for this character."""
    return draw(font, char).getbbox() is not None


@dataclass(frozen=True)
class Atlas:
    """All sprites, ``levels[k]: uint8[N,4,L,L]`` with L = ``LEVELS[k]``: RGB premultiplied by alpha, then alpha.

    Premultiplied, so that interpolation does not bleed the (black) colour of transparent pixels into edges.
    """

    levels: tuple[torch.Tensor, ...]

    @property
    def count(self) -> int:
        """How many emoji there are."""
        return self.levels[0].shape[0]

    @classmethod
    def build(cls, font: Path | None = None) -> Atlas:
        """Draw the whole lexicon (about 2 s). Raises `FontError`."""
        face = open_font(find_font(font))
        pictures = np.stack([np.asarray(draw(face, emoji.char)) for emoji in load_lexicon()])
        sprites = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
        sprites[:, :3] *= sprites[:, 3:] / 255.0
        levels = [sprites]
        while levels[-1].shape[-1] > LEVELS[-1]:
            levels.append(F.avg_pool2d(levels[-1], 2))
        return cls(tuple(level.round().to(torch.uint8) for level in levels))
