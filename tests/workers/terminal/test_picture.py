"""Pictures on a terminal: two pixels a character, in the colours that they have."""

from __future__ import annotations

import pytest
from PIL import Image
from rich.color import Color

from workers.terminal.picture import half_blocks


def test_the_upper_pixel_is_the_characters_and_the_lower_its_grounds() -> None:
    picture = Image.new("RGB", (2, 2), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 1, 2, 2))
    [line] = half_blocks(picture, 2, 1)
    assert line.plain == "▀▀"
    for span in line.spans:
        assert (span.style.color, span.style.bgcolor) == (Color.from_rgb(255, 0, 0), Color.from_rgb(0, 0, 255))


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((512, 512), (32, 16)), ((512, 128), (48, 6)), ((100, 800), (4, 16)), ((1000, 1), (48, 1)), ((3, 2), (48, 16))],
)
def test_a_picture_is_as_large_as_fits(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    lines = list(half_blocks(Image.new("RGB", size), 48, 16))
    assert ({len(line) for line in lines}, len(lines)) == ({drawn[0]}, drawn[1])
