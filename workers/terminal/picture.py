"""Pictures on a terminal, of half blocks: each character shows two pixels, one above the other.

Every terminal with 256 colours shows them, through `ssh` and `tmux` too, where the protocols for pixels (Kitty's,
Sixel) are rarely passed on, and cannot be counted on without asking the terminal and waiting for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

UPPER_HALF = "\N{UPPER HALF BLOCK}"


def shows_pictures(console: Console) -> bool:
    """Whether it is a terminal with enough colours, which nobody has switched off, and with the character."""
    coloured = console.color_system in {"256", "truecolor"} and not console.no_color
    return console.is_terminal and coloured and console.encoding.startswith("utf")


def half_blocks(picture: Image.Image, columns: int, lines: int) -> Iterator[Text]:
    """The lines of an RGB picture, as large as fits; a character is taken to be twice as high as it is wide."""
    scale = min(columns / picture.width, 2 * lines / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    height += height % 2
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)).tolist()
    for above, below in zip(pixels[::2], pixels[1::2], strict=True):
        line = Text(no_wrap=True)
        for upper, lower in zip(above, below, strict=True):
            line.append(UPPER_HALF, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
        yield line
