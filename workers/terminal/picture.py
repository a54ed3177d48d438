"""Pictures on a terminal, of half blocks: each character shows two pixels, one above the other.

Every terminal with 256 colours shows them, through `ssh` and `tmux` too, where the protocols for pixels (Kitty's,
Sixel) are rarely passed on, and cannot be counted on without asking the terminal and waiting for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    for top in range(0, height, 2):
        line = Text(no_wrap=True)
        for column in range(width):
            above, below = (Color.from_rgb(*small.getpixel((column, top + half))) for half in (0, 1))
            line.append(UPPER_HALF, Style(color=above, bgcolor=below))
        yield line
