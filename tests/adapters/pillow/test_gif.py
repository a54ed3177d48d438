"""A GIF is judged as browsers play it: what is a frame, where it goes, and what is left of it."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.pillow.opening import drawn, opened
from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.gif import read_gif
from tests import images
from tests.adapters.pillow.test_decoder import spec

BLACK, RED, GREEN, BLUE = range(4)
PALETTE = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
SIDE = 32
NOTHING = (0, 0, 0, 0)
LOOK = {BLACK: (0, 0, 0, 255), RED: (255, 0, 0, 255), GREEN: (0, 255, 0, 255), BLUE: (0, 0, 255, 255)}


def gif(*blocks: bytes, screen: int = SIDE) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", screen, screen, 0x81, RED, 0) + PALETTE + b"".join(blocks) + b";"


def control(disposal: int = 0, transparent: int | None = None, delay: int = 5) -> bytes:
    flags = disposal << 2 | (transparent is not None)
    return b"\x21\xf9\x04" + struct.pack("<BHB", flags, delay, transparent or 0) + b"\x00"


def coded(colour: int, side: int) -> bytes:
    """The code size and the blocks of a square of one colour."""
    square = Image.new("P", (side, side), colour)
    square.putpalette(PALETTE)
    file = images.encoded(square, "GIF", optimize=False, interlace=0)
    start = file.index(b",\x00\x00\x00\x00") + 10
    return file[start:-1]


def frame(colour: int, side: int = SIDE, at: int = 0) -> bytes:
    return b"," + struct.pack("<HHHHB", at, at, side, side, 0) + coded(colour, side)


def comment_with(picture: bytes) -> bytes:
    """A comment whose blocks are a frame to who takes its first block for the end of something else."""
    first = b"P" * 31 + b"\x00" + picture[:11]  # up to the code size; blocks follow
    return b"\x21\xfe" + bytes([len(first)]) + first + picture[11:]


def shown(file: bytes) -> list[NDArray[np.uint8]]:
    """``uint8[H,W,4]`` of each frame."""
    stored = read_gif(file, 64_000_000, fast=True)
    with opened("GIF", stored) as still:
        if stored.frames == 1:
            return [np.asarray(still.convert("RGBA"))]
        return [np.asarray(each.convert("RGBA")).copy() for _, each in drawn(still, stored.frames, stored)]


def where(pixels: NDArray[np.uint8], *places: int) -> list[tuple[int, ...]]:
    return [tuple(int(part) for part in pixels[at, at]) for at in places]


@pytest.mark.parametrize("label", [0x01, 0xFE, 0xFF, 0x99, 0xF9])
def test_what_stands_in_a_comment_is_no_frame_whatever_stands_before_it(label: int) -> None:
    hidden = comment_with(frame(GREEN))
    (only,) = shown(gif(bytes([0x21, label, 0]), hidden, frame(BLUE)))
    assert where(only, 0, 31) == [LOOK[BLUE]] * 2


def test_an_extension_for_loops_that_ends_too_early_is_refused() -> None:
    """Chromium shows the frame that is hidden behind it, others do not."""
    for name in (b"NETSCAPE2.0", b"ANIMEXTS1.0"):
        with pytest.raises(ItemError, match="application extension") as caught:
            shown(gif(b"\x21\xff\x0b" + name + b"\x00", comment_with(frame(GREEN)), frame(BLUE)))
        assert caught.value.reason is Reason.DECODE_FAILED
        looped = gif(b"\x21\xff\x0b" + name + b"\x03\x01\x00\x00\x00", frame(BLUE), control(), frame(RED))
        assert len(shown(looped)) == 2


def test_a_frame_that_says_nothing_of_its_disposal_stays_whatever_the_one_before_said() -> None:
    for first in (0, 1, 2, 3):
        whole = shown(gif(control(first), frame(RED), control(), frame(GREEN, 8), frame(BLUE, 8, 16)))[-1]
        under = LOOK[RED] if first < 2 else NOTHING
        assert where(whole, 4, 12, 20) == [LOOK[GREEN], under, LOOK[BLUE]]


@pytest.mark.parametrize(
    ("disposal", "left"),
    [(0, LOOK[GREEN]), (1, LOOK[GREEN]), (2, NOTHING), (3, LOOK[RED]), (4, LOOK[RED]), (7, LOOK[GREEN])],
)
def test_what_is_left_of_a_frame_is_what_its_disposal_says(disposal: int, left: tuple[int, ...]) -> None:
    """A frame that is cleared leaves nothing behind, not the background's colour, which no browser shows."""
    last = shown(gif(frame(RED), control(disposal), frame(GREEN, 8), control(), frame(BLUE, 8, 16)))[-1]
    assert where(last, 4, 12, 20) == [left, LOOK[RED], LOOK[BLUE]]


def test_what_no_frame_covers_is_nothing() -> None:
    (still,) = shown(gif(frame(BLACK, 8, 4)))
    assert where(still, 2, 6, 20) == [NOTHING, LOOK[BLACK], NOTHING]
    assert len(PillowDecoder(spec()).decode(gif(frame(BLACK, 8, 4))).pixels) == 2, "over black and over white"


def test_the_control_that_stands_last_before_a_frame_is_its_own_alone() -> None:
    file = gif(frame(RED), control(2, GREEN), control(), frame(GREEN, 8), frame(BLUE, 8, 16))
    assert where(shown(file)[-1], 4, 20) == [LOOK[GREEN], LOOK[BLUE]]
    clear = gif(frame(RED), control(1, GREEN), b"\x21\xfe\x03abc\x00", frame(GREEN, 8), frame(GREEN, 8, 16))
    assert where(shown(clear)[-1], 4, 20) == [LOOK[RED], LOOK[GREEN]]


def test_frames_are_cut_off_where_the_canvas_ends_and_the_first_enlarges_it() -> None:
    first, second = shown(gif(frame(RED), frame(GREEN, 16, 24)))
    assert first.shape == second.shape == (SIDE, SIDE, 4)
    assert where(second, 20, 28) == [LOOK[RED], LOOK[GREEN]]
    assert [each.shape for each in shown(gif(frame(RED, 16, 4), frame(GREEN), screen=8))] == [(20, 20, 4)] * 2


def test_a_gif_without_a_frame_of_its_own_is_refused_whatever_its_comments_hold() -> None:
    with pytest.raises(ItemError, match="no picture") as caught:
        PillowDecoder(spec()).decode(gif(b"\x21\x01\x00", comment_with(frame(GREEN))))
    assert caught.value.reason is Reason.TRUNCATED


def test_the_time_of_a_frame_is_its_own() -> None:
    stored = read_gif(
        gif(control(delay=7), frame(RED), frame(BLUE), control(delay=500), frame(GREEN)), 9999, fast=True
    )
    with opened("GIF", stored) as still:
        assert [each.info["duration"] for _, each in drawn(still, 3, stored)] == [70, 0, 5000]


def test_a_thumbnail_shows_the_frame_as_it_is_composed() -> None:
    file = gif(control(2), frame(RED), control(), frame(GREEN, 16), frame(BLUE, 16, 16))
    thumbnail = Image.open(BytesIO(PillowDecoder(spec()).thumbnail(file, 2))).convert("RGBA")
    assert thumbnail.getpixel((8, 24))[3] < 10  # type: ignore[index]
    assert thumbnail.getpixel((8, 8))[1] > 200  # type: ignore[index]
