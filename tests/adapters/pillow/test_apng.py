"""An APNG is judged as browsers play it: what is a frame, how it is laid over others, and what is left of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.pillow.opening import drawn, opened
from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.png import read_png
from tests import hostile_images as hostile
from tests import images
from tests.adapters.pillow.test_decoder import spec

SIDE = 32
STAYS, CLEARED, TAKEN_BACK = range(3)
NOTHING, RED, GREEN, BLUE = (0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)
SHEER = (0, 0, 255, 128)
GREY, COLOURS, PALETTE, TRANSLUCENT = 0, 2, 3, 6

Chunk = tuple[bytes, bytes]


def coded(pixel: bytes, side: int = SIDE) -> bytes:
    return zlib.compress((b"\x00" + pixel * side) * side)


def control(
    side: int = SIDE, at: int = 0, disposal: int = STAYS, over: int = 1, delay: tuple[int, int] = (1, 10)
) -> Chunk:
    """The frame control; `numbered` puts in its number."""
    return b"fcTL", struct.pack(">IIIIHHBB", side, side, at, at, *delay, disposal, over)


def frame(colour: Sequence[int], side: int = SIDE, at: int = 0, **how: int) -> list[Chunk]:
    return [control(side, at, **how), (b"fdAT", coded(bytes(colour), side))]  # type: ignore[arg-type]


def still(colour: Sequence[int]) -> Chunk:
    return b"IDAT", coded(bytes(colour))


def numbered(chunks: Sequence[Chunk]) -> list[Chunk]:
    found, number = [], 0
    for name, body in chunks:
        counts = name in {b"fcTL", b"fdAT"}
        found.append((name, struct.pack(">I", number) + body if counts else body))
        number += counts
    return found


def apng(*chunks: Chunk, kind: int = TRANSLUCENT, depth: int = 8) -> bytes:
    head = (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, kind, 0, 0, 0))
    count = (b"acTL", struct.pack(">II", sum(name == b"fcTL" for name, _ in chunks), 0))
    return hostile.png_of([head, count, *numbered(chunks), (b"IEND", b"")])


def shown(file: bytes) -> list[NDArray[np.uint8]]:
    """``uint8[H,W,4]`` of each frame."""
    stored = read_png(file, 64_000_000, fast=True)
    with opened("PNG", stored) as picture:
        return [np.asarray(each.convert("RGBA")).copy() for _, each in drawn(picture, stored.frames, stored)]


def where(pixels: NDArray[np.uint8], *places: int) -> list[tuple[int, ...]]:
    return [tuple(int(part) for part in pixels[at, at]) for at in places]


def refusal(file: bytes) -> ItemError:
    with pytest.raises(ItemError) as caught:
        PillowDecoder(spec()).decode(file)
    return caught.value


def test_what_is_translucent_is_laid_over_what_is_there() -> None:
    _, over = shown(apng(control(), still(RED), *frame(SHEER, 8)))
    assert where(over, 4, 20) == [(127, 0, 128, 255), RED]
    _, over = shown(apng(control(), still(SHEER), *frame(SHEER, 8)))
    assert where(over, 4, 20) == [(0, 0, 255, 192), SHEER]


def test_what_is_not_laid_over_takes_the_place_of_what_is_there() -> None:
    _, instead, after = shown(apng(control(), still(RED), *frame(SHEER, 8, over=0), *frame(GREEN, 8, 16)))
    assert where(instead, 4, 20) == [SHEER, RED]
    assert where(after, 4, 20) == [SHEER, GREEN]


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize(("disposal", "left"), [(STAYS, GREEN), (CLEARED, NOTHING), (TAKEN_BACK, RED)])
def test_what_is_left_of_a_frame_is_what_its_disposal_says(disposal: int, left: tuple[int, ...], over: int) -> None:
    file = apng(control(), still(RED), *frame(GREEN, 8, disposal=disposal, over=over), *frame(BLUE, 8, 16))
    assert where(shown(file)[-1], 4, 12, 20) == [left, RED, BLUE]


@pytest.mark.parametrize("disposal", [CLEARED, TAKEN_BACK])
def test_nothing_is_left_of_a_first_frame_that_does_not_stay(disposal: int) -> None:
    frames = shown(apng(control(disposal=disposal), still(RED), *frame(GREEN, 8), *frame(BLUE, 8, 16)))
    assert [where(each, 4, 12, 20) for each in frames[1:]] == [[GREEN, NOTHING, NOTHING], [GREEN, NOTHING, BLUE]]


def test_a_still_that_is_no_frame_is_looked_at_and_leaves_nothing() -> None:
    first, second, third = shown(apng(still(RED), *frame(GREEN, 8), *frame(SHEER, 8, 16)))
    assert where(first, 4, 20) == [RED, RED]
    assert [where(each, 4, 12, 20) for each in (second, third)] == [
        [GREEN, NOTHING, NOTHING],
        [GREEN, NOTHING, SHEER],
    ]
    assert PillowDecoder(spec()).decode(apng(still(RED), *frame(GREEN), *frame(BLUE))).frames == 3


def test_an_animation_of_one_frame_is_a_still() -> None:
    (only,) = shown(apng(control(disposal=CLEARED), still(RED)))
    assert where(only, 4) == [RED]
    assert PillowDecoder(spec()).decode(apng(control(), still(RED))).frames == 1


@pytest.mark.parametrize(
    ("kind", "depth", "more", "pixels"),
    [
        (GREY, 8, [], (b"\x28", b"\xc8")),
        (GREY, 16, [], (b"\x28\x00", b"\xc8\x00")),
        (COLOURS, 8, [], (b"\x28" * 3, b"\xc8" * 3)),
        (PALETTE, 8, [(b"PLTE", b"\x28" * 3 + b"\xc8" * 3)], (b"\x00", b"\x01")),
    ],
)
def test_frames_of_any_kind_of_colour_are_drawn(
    kind: int, depth: int, more: list[Chunk], pixels: Sequence[bytes]
) -> None:
    first, second = shown(apng(*more, control(), still(pixels[0]), *frame(pixels[1], 8), kind=kind, depth=depth))
    assert where(first, 4) == [(40, 40, 40, 255)]
    assert where(second, 4, 20) == [(200, 200, 200, 255), (40, 40, 40, 255)]


@pytest.mark.parametrize(
    ("kind", "depth", "more", "pixels"),
    [
        (GREY, 8, [(b"tRNS", b"\x00\xc8")], (b"\x28", b"\xc8")),
        (GREY, 16, [(b"tRNS", b"\xc8\x00")], (b"\x28\x00", b"\xc8\x00")),
        (COLOURS, 8, [(b"tRNS", b"\x00\xc8" * 3)], (b"\x28" * 3, b"\xc8" * 3)),
        (PALETTE, 8, [(b"PLTE", b"\x28" * 3 + b"\xc8" * 3), (b"tRNS", b"\xff\x00")], (b"\x00", b"\x01")),
    ],
)
def test_a_colour_that_is_said_to_be_clear_is_clear(
    kind: int, depth: int, more: list[Chunk], pixels: Sequence[bytes]
) -> None:
    frames = [*frame(pixels[1], 8), *frame(pixels[1], 8, 16, over=0)]
    _, over, instead = shown(apng(*more, control(), still(pixels[0]), *frames, kind=kind, depth=depth))
    assert where(over, 4, 20) == [(40, 40, 40, 255)] * 2
    assert [pixel[3] for pixel in where(instead, 4, 12, 20)] == [255, 255, 0]


@pytest.mark.parametrize(
    ("chunks", "why"),
    [
        ([control(), still(RED), *frame(GREEN)[::-1]], "no frame"),
        ([control(), still(RED), control(), *frame(GREEN)], "without pixels"),
        ([control(), still(RED), control()], "without pixels"),
        ([control(), still(RED), control(), still(GREEN)], "not the first frame"),
        ([control(8), still(RED), *frame(GREEN)], "not the first frame"),
        ([*frame(GREEN), *frame(GREEN)], "no frame"),
        ([control(), still(RED), *frame(GREEN, 16, 20)], "beyond the canvas"),
        ([control(), still(RED), *frame(GREEN, 0)], "beyond the canvas"),
        ([control(), still(RED), *frame(GREEN, disposal=3)], "no known way"),
        ([control(), still(RED), *frame(GREEN, over=2)], "no known way"),
        ([control(), still(RED), (b"fcTL", bytes(8)), frame(GREEN)[1]], "another length"),
    ],
)
def test_frames_that_viewers_make_different_things_of_are_refused(chunks: list[Chunk], why: str) -> None:
    error = refusal(apng(*chunks))
    assert error.reason is Reason.DECODE_FAILED
    assert why in str(error)


def test_frames_out_of_sequence_are_refused() -> None:
    file = apng(control(), still(RED), *frame(GREEN))
    chunks = [
        (name, b"\x00\x00\x00\x09" + body[4:] if name == b"fdAT" else body) for name, body in hostile.png_chunks(file)
    ]
    assert "out of sequence" in str(refusal(hostile.png_of(chunks)))


def test_a_frame_that_is_cut_short_is_refused() -> None:
    file = apng(control(), still(RED), control(), (b"fdAT", coded(bytes(GREEN))[:10]), *frame(BLUE))
    assert refusal(file).reason is Reason.TRUNCATED


def test_the_time_of_a_frame_is_its_own() -> None:
    chunks = [control(delay=(7, 100)), still(RED), *frame(GREEN, delay=(3, 0)), *frame(GREEN, delay=(5, 1))]  # type: ignore[arg-type]
    stored = read_png(apng(*chunks), 64_000_000, fast=True)
    with opened("PNG", stored) as picture:
        assert [each.info["duration"] for _, each in drawn(picture, 3, stored)] == [70, 30, 5000]


def test_a_thumbnail_shows_the_frame_as_it_is_composed() -> None:
    file = apng(control(disposal=TAKEN_BACK), still(RED), *frame(GREEN, 16), *frame(BLUE, 16, 16))
    thumbnail = Image.open(BytesIO(PillowDecoder(spec()).thumbnail(file, 2))).convert("RGBA")
    assert thumbnail.getpixel((8, 24))[3] < 10  # type: ignore[index]
    assert thumbnail.getpixel((8, 8))[1] > 200  # type: ignore[index]


def test_a_profile_and_an_orientation_count_for_all_frames() -> None:
    swapped = hostile.icc(2.2, [hostile.SRGB_CORNERS[n] for n in (1, 2, 0)])
    frames = [images.corners((64, 64)), images.corners((64, 64)).transpose(Image.Transpose.ROTATE_180)]
    exif = hostile.exif((0x0112, 3, 1, 3))
    plain, tagged = images.animated(frames, "PNG"), images.animated(frames, "PNG", icc_profile=swapped)
    assert np.abs(seen(plain) - seen(tagged)).mean() > 30
    turned = images.animated(frames, "PNG", exif=exif)
    assert np.abs(seen(turned)[0] - seen(plain)[1]).mean() < 2


def seen(file: bytes) -> NDArray[np.int_]:
    return PillowDecoder(spec()).decode(file).pixels.astype(int)
