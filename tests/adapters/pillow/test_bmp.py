"""A BMP is judged as browsers show it, also where Pillow reads its palette, runs or alpha otherwise."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.items import Pixels
from pipeline.rules.images.headers.bmp import read_bmp
from pipeline.rules.images.headers.bmp_runs import Runs
from tests import hostile_images as hostile
from tests import images
from tests.adapters.pillow.test_decoder import spec

SIDE = 64
SHAPE = np.asarray(images.photograph(SIDE, SIDE).convert("L")) > 120
BLACK_WHITE = bytes(4) + b"\xff\xff\xff\x00"
WHITE_BLACK = BLACK_WHITE[4:] + BLACK_WHITE[:4]
MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
ONE_BIT = (0x7C00, 0x03E0, 0x001F, 0x8000)
COLOURS = np.asarray(images.photograph(SIDE, SIDE))


def bmp(
    bits: int,
    rows: bytes,
    *,
    palette: bytes = b"",
    colours: int = 0,
    compression: int = 0,
    masks: tuple[int, ...] = (),
    gap: int = 0,
) -> bytes:
    """Rows come as they are stored, the lowest first; `masks` make the header one of 108 bytes."""
    header = 108 if masks else 40
    more = (struct.pack("<4I", *masks) + bytes(52) if masks else b"") + palette
    start = 54 + len(more) + gap
    head = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start)
    head += struct.pack("<IiiHHIIiiII", header, SIDE, SIDE, 1, bits, compression, len(rows), 0, 0, colours, 0)
    return head + more + bytes(gap) + rows


def seen(image: bytes) -> Pixels:
    return PillowDecoder(spec(), preprocess="exact").decode(image).pixels


def shown(pixels: NDArray[np.generic], mode: str = "L") -> Pixels:
    """What is seen of a PNG of these pixels."""
    return seen(images.encoded(Image.fromarray(pixels.astype(np.uint8)).convert(mode)))


def stored(rows: NDArray[np.generic], kind: str = "u1") -> bytes:
    return rows[::-1].astype(kind).tobytes()


def packed(bits: int) -> bytes:
    """The shape as indices 0 and 1 of so many bits."""
    if bits == 1:
        return stored(np.packbits(SHAPE, axis=1))
    return stored(SHAPE) if bits == 8 else stored(SHAPE[:, ::2] * 16 + SHAPE[:, 1::2])


BLACK_AND_WHITE = shown(SHAPE * 255)


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("more", [0, 1, 300])
def test_a_palette_may_have_any_number_of_colours(bits: int, more: int) -> None:
    """By two of black and white, Pillow would take each bit for a pixel."""
    palette = BLACK_WHITE + b"\x00\x00\xff\x00" * more
    assert np.array_equal(seen(bmp(bits, packed(bits), palette=palette, colours=2 + more)), BLACK_AND_WHITE)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_a_colour_that_a_palette_lacks_is_black(bits: int) -> None:
    for colour in (BLACK_WHITE[:4], BLACK_WHITE[4:]):
        ground = np.where(SHAPE, 0, colour[0])
        assert np.array_equal(seen(bmp(bits, packed(bits), palette=colour, colours=1)), shown(ground))


def test_a_whole_palette_is_given_on_as_it_is() -> None:
    for form in ("L", "1", "RGB"):
        file = images.encoded(images.photograph(40, 30).convert(form), "BMP")
        assert read_bmp(file, 10_000, fast=True).data is file


def rows_of_runs(rows: NDArray[np.bool_], skipped: bool | None = None, *, moved: bool = False) -> bytes:
    """The shape run-length coded, of which one of both colours is skipped."""
    body = b""
    for row in rows[::-1]:
        x = 0
        while x < SIDE:
            wide = int(np.argmin(np.append(row[x:] == row[x], False)))
            at_end = x + wide == SIDE
            if row[x] != skipped:
                body += bytes([wide, int(row[x])])
            elif moved or not at_end:
                body += bytes([0, 2, wide, 0])
            x += wide
        body += b"\x00\x00"
    return body + b"\x00\x01"


def runs(body: bytes, palette: bytes = BLACK_WHITE, *, bits: int = 8, gap: int = 0) -> bytes:
    return bmp(bits, body, palette=palette, colours=2, compression=1 if bits == 8 else 2, gap=gap)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("palette", [BLACK_WHITE, WHITE_BLACK])
def test_pixels_that_runs_skip_are_black_or_show_what_is_behind(palette: bytes, moved: bool) -> None:
    """Whatever the palette's first colour is."""
    lit = palette[4]
    over_black, over_white = seen(runs(rows_of_runs(SHAPE, skipped=False, moved=moved), palette))
    assert np.array_equal(over_black, shown(SHAPE * lit)[0])
    assert np.array_equal(over_white, shown(np.where(SHAPE, lit, 255))[0])
    assert np.array_equal(seen(runs(rows_of_runs(SHAPE), BLACK_WHITE)), BLACK_AND_WHITE)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("gap", [0, 1])
@pytest.mark.parametrize("over", [0, 7])
def test_literal_pixels_are_padded_by_their_number_and_end_with_the_row(bits: int, gap: int, over: int) -> None:
    body = b""
    for row in SHAPE[::-1]:
        for part in (row[:31], np.append(row[31:], np.ones(over))):
            even = np.append(part, np.zeros(len(part) % 2)).astype(np.uint8)
            raw = part.astype(np.uint8).tobytes() if bits == 8 else (even[::2] * 16 + even[1::2]).tobytes()
            body += bytes([0, len(part)]) + raw + bytes(len(raw) % 2)
        body += b"\x00\x00"
    assert np.array_equal(seen(runs(body, bits=bits, gap=gap)), BLACK_AND_WHITE)


def test_runs_of_four_bits_alternate_and_end_with_the_row() -> None:
    striped = seen(runs((bytes([SIDE + 9, 0x10]) + b"\x00\x00") * SIDE, bits=4))
    assert np.array_equal(striped, shown(np.tile([255, 0], (SIDE, SIDE // 2))))


@pytest.mark.parametrize(
    ("body", "bits", "reason"),
    [
        (b"\x40\x01\x00\x00" * (SIDE - 1), 8, Reason.TRUNCATED),
        (b"\x00\x40abc", 8, Reason.TRUNCATED),
        (b"\x00\x02\x41\x00\x00\x01", 8, Reason.DECODE_FAILED),
        (b"\x00\x02\x00\x40\x00\x01", 8, Reason.DECODE_FAILED),
    ],
)
def test_runs_that_leave_the_picture_or_end_too_early_are_refused(body: bytes, bits: int, reason: Reason) -> None:
    with pytest.raises(ItemError) as caught:
        seen(runs(body, bits=bits))
    assert caught.value.reason is reason


@pytest.mark.parametrize(("bits", "compression"), [(4, 1), (8, 2), (24, 1)])
def test_runs_are_of_the_bits_that_their_number_says(bits: int, compression: int) -> None:
    with pytest.raises(ItemError, match=f"runs of {bits} bits"):
        seen(bmp(bits, rows_of_runs(SHAPE), palette=BLACK_WHITE, colours=2, compression=compression))


@given(st.binary(max_size=200), st.booleans())
def test_any_runs_fill_a_picture_or_are_refused(body: bytes, four_bits: bool) -> None:
    made = Runs((9, 5))
    try:
        made.decode(body, 0, four_bits=four_bits)
    except ItemError:
        return
    assert len(made.indices) == 45
    assert all(0 <= start < end <= 45 for start, end in made.skipped)


def five_bits(opaque: NDArray[np.bool_]) -> bytes:
    red, green, blue = (COLOURS[..., channel].astype(int) >> 3 for channel in range(3))
    return stored(red << 10 | green << 5 | blue | opaque * 0x8000, "<u2")


def eight_bits(opaque: NDArray[np.generic]) -> bytes:
    return stored(np.dstack([COLOURS[..., ::-1], opaque * 255]))


def test_one_bit_of_alpha_cuts_a_shape_out() -> None:
    whole = seen(bmp(16, five_bits(SHAPE)))
    cut = seen(bmp(16, five_bits(SHAPE), compression=3, masks=ONE_BIT))
    expected = np.dstack([COLOURS, SHAPE * 255]).astype(np.uint8)
    assert len(whole) == 1
    assert np.abs(cut.astype(int) - seen(images.encoded(Image.fromarray(expected)))).max() < 9
    assert np.array_equal(seen(bmp(16, five_bits(SHAPE | True), compression=3, masks=ONE_BIT)), whole)
    assert np.array_equal(seen(bmp(16, five_bits(SHAPE), masks=ONE_BIT)), whole), "not by masks"


def test_alpha_of_other_bits_among_16_is_refused() -> None:
    with pytest.raises(ItemError, match="16 bits with an alpha"):
        seen(bmp(16, five_bits(SHAPE), compression=3, masks=(0xF800, 0x7E0, 0x1F, 0x8000)))
    with pytest.raises(ItemError) as caught:
        seen(bmp(16, five_bits(SHAPE)[:-2], compression=3, masks=ONE_BIT))
    assert caught.value.reason is Reason.TRUNCATED


@pytest.mark.parametrize("compression", [0, 3])
def test_where_alpha_hides_all_what_is_hidden_is_judged(compression: int) -> None:
    """Browsers show nothing, or ignore that alpha."""
    hidden = bmp(32, eight_bits(SHAPE & False), compression=compression, masks=MASKS)
    assert np.array_equal(seen(hidden), shown(COLOURS, "RGB"))
    if compression:
        as_five = bmp(16, five_bits(SHAPE & False), compression=compression, masks=ONE_BIT)
        assert np.array_equal(seen(as_five), seen(bmp(16, five_bits(SHAPE))))


def test_an_alpha_that_some_viewers_show_and_others_do_not_is_refused() -> None:
    with pytest.raises(ItemError, match="alpha") as caught:
        seen(bmp(32, eight_bits(SHAPE), masks=MASKS))
    assert caught.value.reason is Reason.DECODE_FAILED
    assert np.array_equal(seen(bmp(32, eight_bits(SHAPE | True), masks=MASKS)), shown(COLOURS, "RGB"))
    assert np.array_equal(seen(bmp(32, eight_bits(SHAPE))), shown(COLOURS, "RGB"))
    assert len(seen(bmp(32, eight_bits(SHAPE), compression=3, masks=MASKS))) == 2


def test_only_alpha_among_16_bits_makes_them_cost_more() -> None:
    opaque, cut = (
        read_bmp(bmp(16, five_bits(SHAPE), compression=3, masks=(*ONE_BIT[:3], each)), 10_000, fast=True).work
        for each in (0, ONE_BIT[3])
    )
    assert cut.seconds > 2 * opaque.seconds
    assert cut.memory > 2 * opaque.memory


def test_a_file_in_runs_costs_what_is_said_before_it_is_decoded() -> None:
    with pytest.raises(ItemError) as caught:
        read_bmp(hostile.rle_bmp((64_000_000, 1)), 64_000_000, fast=True)
    assert caught.value.reason is Reason.TOO_MUCH_WORK
