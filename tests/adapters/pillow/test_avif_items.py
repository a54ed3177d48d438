"""Pictures in an AVIF or HEIC are found wherever they lie; where viewers show one or another, the file is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.items import Pixels
from pipeline.rules.images.headers.bmff import read_bmff
from pipeline.rules.images.headers.items import MAX_ALTERNATIVES, MAX_ITEMS, MAX_PIECES
from tests import images
from tests.adapters.pillow.test_avif import DARK, STILL, as_png, avif, streamed
from tests.adapters.pillow.test_decoder import spec
from tests.fuzz.formats.boxes import Picture, box, first_picture, full


def written(*items: Picture, pieces: int = 1, in_box: bool = False, more: bytes = b"") -> bytes:
    """A still of those items, of which the first is shown, each in so many pieces, in ``idat`` or in ``mdat``."""

    def meta(begin: int) -> bytes:
        at, places, links = 0 if in_box else begin, b"", b""
        for index, each in enumerate(items, 1):
            step = -(-len(each.coded) // pieces)
            places += struct.pack(">HHHH", index, in_box, 0, pieces)
            for start in range(0, step * pieces, step):
                places += struct.pack(">II", at + start, min(step, len(each.coded) - start))
            at += len(each.coded)
            links += struct.pack(">HB", index, len(each.properties))
            for one in each.properties:
                links += bytes([boxes.index(one) + 1 | 0x80 * (one[4:8] in {b"av1C", b"irot", b"imir"})])
        count = struct.pack(">H", len(items))
        kinds = [
            full(b"infe", struct.pack(">HH", index, 0), each.kind, b"\x00", version=2)
            for index, each in enumerate(items, 1)
        ]
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", b"\x00\x01"),
            full(b"iloc", b"\x44\x00", count, places, version=1),
            full(b"iinf", count, *kinds),
            box(b"iprp", box(b"ipco", *boxes), full(b"ipma", struct.pack(">I", len(items)), links)),
            box(b"idat", media) if in_box else b"",
            more,
        )

    boxes = list(dict.fromkeys(one for each in items for one in each.properties))
    media = b"".join(each.coded for each in items)
    head = box(b"ftyp", b"avif", bytes(4), b"avif", b"mif1", b"miaf")
    made = head + meta(len(head) + len(meta(0)) + 8)
    return made if in_box else made + box(b"mdat", media)


def seen(image: bytes) -> Pixels:
    return PillowDecoder(spec()).decode(image).pixels


def off(one: bytes, other: bytes) -> float:
    return float(np.abs(seen(one).astype(int) - seen(other).astype(int)).mean())


def refusal(name: str, file: bytes) -> ItemError:
    with pytest.raises(ItemError) as caught:
        read_bmff(name, file, 64_000_000, fast=True)
    return caught.value


LINEAR = first_picture(streamed(avif(DARK), 8))


@pytest.mark.parametrize(
    ("pieces", "in_box"), [(1, False), (1, True), (-(-len(LINEAR.coded) // 4), False), (40, True)]
)
def test_the_colours_that_a_stream_gives_are_shown_wherever_it_lies(pieces: int, in_box: bool) -> None:
    file = written(LINEAR, pieces=pieces, in_box=in_box)
    assert off(file, as_png(DARK, 1, 8)) < 3
    assert off(file, avif(DARK)) > 10


@pytest.mark.parametrize(("pieces", "in_box"), [(1, True), (7, False), (7, True)])
def test_a_picture_is_as_large_as_its_stream_says_wherever_it_lies(pieces: int, in_box: bool) -> None:
    large = first_picture(images.encoded(images.flat(images.RED, (2000, 1500)), "AVIF", speed=10))
    small = struct.pack(">II", 90, 60)
    said = tuple(each[:12] + small if each[4:8] == b"ispe" else each for each in large.properties)
    file = written(Picture(large.kind, large.coded, said), pieces=pieces, in_box=in_box)
    assert read_bmff("AVIF", file, 64_000_000, fast=True).size == (2000, 1500)


def test_a_coded_picture_without_a_header_is_refused() -> None:
    plain = first_picture(avif())
    broken = refusal("AVIF", written(plain, Picture(b"av01", bytes(200), plain.properties)))
    assert broken.reason is Reason.DECODE_FAILED
    assert "header cannot be read" in str(broken)


def test_pieces_without_end_are_too_much_work() -> None:
    none = struct.pack(">HHHH", 1, 0, 0, 65_535) * 1000
    iloc = full(b"iloc", b"\x00\x00", struct.pack(">H", 1000), none, version=1)
    infe = full(b"infe", struct.pack(">HH", 1, 0), b"av01", b"\x00", version=2)
    meta = full(b"meta", iloc, full(b"iinf", b"\x00\x01", infe))
    error = refusal("AVIF", box(b"ftyp", b"avif", bytes(4)) + meta)
    assert error.reason is Reason.TOO_MUCH_WORK
    assert str(error) == f"AVIF: items in over {MAX_PIECES:,} pieces"


def test_an_item_behind_all_that_are_looked_at_is_not_passed_over() -> None:
    plain = first_picture(avif(images.flat(images.RED, (16, 16))))
    tiny = Picture(b"none", b"x", ())
    assert "header cannot be read" in str(refusal("AVIF", written(*[tiny] * MAX_ITEMS, plain)))


def described(ours: int, theirs: int) -> Picture:
    """What a ``tmap`` item says: how many stops brighter than white the picture's own screen and the other are."""
    channel = struct.pack(">iIiIIIiIiI", 0, 1, 6, 1, 1, 1, 0, 1, 0, 1)
    return Picture(b"tmap", struct.pack(">BHHBIIII", 0, 0, 0, 0x40, ours, 1, theirs, 1) + channel, ())


def test_a_picture_for_hdr_screens_is_refused_of_which_a_gain_map_makes_another() -> None:
    """Chromium shows on ordinary screens what the map makes of it; as phones write them, the map is for HDR."""
    plain = first_picture(avif())
    assert off(written(plain, described(0, 2), plain), avif()) < 1
    for name, in_box in (("AVIF", True), ("AVIF", False), ("HEIC", True)):
        error = refusal(name, written(plain, described(2, 0), plain, in_box=in_box))
        assert error.reason is Reason.DECODE_FAILED
        assert "gain map" in str(error)


def alternatives(*numbers: int) -> bytes:
    return box(b"grpl", full(b"altr", struct.pack(f">II{len(numbers)}I", 100, len(numbers), *numbers)))


@pytest.mark.parametrize("name", ["AVIF", "HEIC"])
def test_pictures_of_which_viewers_show_one_or_the_other_are_refused(name: str) -> None:
    """Chromium shows the first of the alternatives, whichever is the primary one."""
    plain, other = first_picture(avif()), first_picture(avif(DARK))
    assert read_bmff(name, written(plain, other), 64_000_000, fast=True).frames == 1
    for numbers in ((2, 1), (1, 2)):
        error = refusal(name, written(plain, other, more=alternatives(*numbers)))
        assert error.reason is Reason.DECODE_FAILED
        assert "one or the other" in str(error)


def test_a_picture_with_a_gain_map_is_one_picture() -> None:
    """As phones write it: the map's item is an alternative to the picture."""
    plain = first_picture(avif())
    file = written(plain, described(0, 2), plain, more=alternatives(2, 1))
    assert read_bmff("HEIC", file, 64_000_000, fast=True).frames == 1


@pytest.mark.parametrize("version", [0, 1])
def test_a_gain_map_for_another_picture_is_refused(version: int) -> None:
    """Chromium shows the picture that the map is for, whichever is the primary one."""
    plain, other = first_picture(avif()), first_picture(avif(DARK))
    for base, refused in ((1, False), (3, True)):
        made = struct.pack(">IHII" if version else ">HHHH", 2, 2, base, 3)
        more = full(b"iref", box(b"dimg", made), version=version)
        file = written(plain, described(0, 2), other, more=more + alternatives(2, 1))
        if refused:
            assert "gain map for another picture" in str(refusal("AVIF", file))
        else:
            assert read_bmff("AVIF", file, 64_000_000, fast=True).frames == 1


def test_alternatives_without_end_are_too_much_work() -> None:
    error = refusal("AVIF", written(first_picture(avif()), more=alternatives(*range(MAX_ALTERNATIVES + 1))))
    assert error.reason is Reason.TOO_MUCH_WORK


def turned(*boxes: bytes) -> bytes:
    plain = first_picture(avif())
    return written(Picture(plain.kind, plain.coded, (*plain.properties, *boxes)))


def test_a_picture_that_is_mirrored_before_it_is_turned_is_refused() -> None:
    """Chromium turns it first, whatever the order; who goes by the order shows it upside down to that."""
    quarter, half, mirror = box(b"irot", b"\x01"), box(b"irot", b"\x02"), box(b"imir", b"\x00")
    upright = STILL.transpose(Image.Transpose.ROTATE_90).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    assert off(turned(quarter, mirror), images.encoded(upright)) < 2
    for boxes in ((mirror, quarter), (quarter, half)):
        error = refusal("AVIF", turned(*boxes))
        assert error.reason is Reason.DECODE_FAILED
        assert "mirrored before it is turned" in str(error)


MOVING = images.animated([STILL, STILL.transpose(Image.Transpose.FLIP_LEFT_RIGHT)], "AVIF", quality=90)


def with_other_still(file: bytes, coded: bytes) -> bytes:
    """The sequence with another picture as its primary item, which viewers show that play no sequences."""
    at = file.index(b"iloc") + 18
    return file[:at] + struct.pack(">II", len(file) + 8, len(coded)) + file[at + 8 :] + box(b"mdat", coded)


def test_a_sequence_beside_which_another_still_lies_is_refused() -> None:
    assert len(seen(MOVING)) == 2
    error = refusal("AVIF", with_other_still(MOVING, first_picture(avif(DARK)).coded))
    assert error.reason is Reason.DECODE_FAILED
    assert "a sequence and a still" in str(error)


def test_a_sequence_behind_a_still_that_is_said_to_be_shown_is_refused() -> None:
    assert "a sequence and a still" in str(refusal("AVIF", MOVING[:8] + b"avif" + MOVING[12:]))


def test_a_sequence_in_a_heic_is_refused_as_it_would_not_be_judged() -> None:
    start = MOVING.index(b"moov") - 4
    track = MOVING[start : start + int.from_bytes(MOVING[start : start + 4], "big")]
    still = written(first_picture(avif()))
    assert read_bmff("HEIC", still, 64_000_000, fast=True).frames == 1
    error = refusal("HEIC", still + track)
    assert error.reason is Reason.DECODE_FAILED
    assert "a sequence" in str(error)
