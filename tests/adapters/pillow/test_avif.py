"""An AVIF is judged in the colours and the size that browsers show, by the properties of what is shown."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.items import Pixels
from pipeline.rules.images.headers.bmff import read_bmff
from pipeline.rules.images.headers.properties import MAX_ASSOCIATIONS
from tests import hostile_images as hostile
from tests import images
from tests.adapters.pillow.test_decoder import spec

STILL = images.photograph(320, 240)
DARK = Image.fromarray(np.asarray(STILL) // 12)


def avif(still: Image.Image = STILL, **options: object) -> bytes:
    return images.encoded(still, "AVIF", **{"quality": 100, "subsampling": "4:4:4", **options})


def seen(image: bytes) -> Pixels:
    return PillowDecoder(spec()).decode(image).pixels


def off(one: bytes, other: bytes) -> float:
    return float(np.abs(seen(one).astype(int) - seen(other).astype(int)).mean())


def said(file: bytes, primaries: int, transfer: int) -> bytes:
    """The file with these codes in its first ``colr`` box that has any."""
    at = file.index(b"colrnclx") + 8
    return file[:at] + struct.pack(">HH", primaries, transfer) + file[at + 4 :]


def unsaid(file: bytes) -> bytes:
    """The file without such a box."""
    return file.replace(b"colrnclx", b"xxxxnclx")


def streamed(file: bytes, transfer: int, times: int = 1) -> bytes:
    """The file with another transfer in the sequence headers of the first `times` AV1 streams."""
    start = file.index(b"mdat") + 4
    bits = "".join(f"{byte:08b}" for byte in file[start:])
    usual, other = (f"{1:08b}{each:08b}{6:08b}" for each in (13, transfer))
    assert usual in bits
    bits = bits.replace(usual, other, times)
    return file[:start] + int(bits, 2).to_bytes(len(file) - start, "big")


def as_png(still: Image.Image, primaries: int, transfer: int) -> bytes:
    """A PNG of the same pixels and codes."""
    return hostile.with_chunks(images.encoded(still), (b"cICP", bytes([primaries, transfer, 0, 1])))


def with_property(name: bytes, body: bytes) -> bytes:
    """A file with such a property, which must be understood, in the place of a profile."""
    file = avif(icc_profile=bytes(len(body) - 4))
    at = file.index(b"colrprof")
    made = bytearray(file[:at] + name + body + file[at + 4 + len(body) :])
    end = made.index(b"ipma") + 15 + made[made.index(b"ipma") + 14]
    made[end - 2] |= 0x80  # the last of the item's properties but one
    return bytes(made)


def crop(width: int, height: int, of: int = 1) -> bytes:
    return struct.pack(">8i", width, of, height, of, 0, 1, 0, 1)


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 4), (1, 5), (1, 8), (9, 8), (12, 13), (1, 16)])
def test_the_colours_that_a_colr_box_gives_are_shown(primaries: int, transfer: int) -> None:
    file, png = said(avif(DARK), primaries, transfer), as_png(DARK, primaries, transfer)
    assert off(file, png) < 3
    assert transfer != 8 or off(file, avif(DARK)) > 10


def test_a_profile_counts_before_it() -> None:
    profile = hostile.icc(1.4)
    tagged = avif(icc_profile=profile)
    assert np.array_equal(seen(said(tagged, 9, 8)), seen(tagged))
    assert off(tagged, images.encoded(STILL, icc_profile=profile)) < 3


def test_where_no_box_says_it_the_stream_does() -> None:
    assert off(streamed(unsaid(avif(DARK)), 8), as_png(DARK, 1, 8)) < 3
    assert off(streamed(avif(DARK), 8), avif(DARK)) < 3, "a box says otherwise"
    assert off(unsaid(avif()), avif()) < 1


def test_an_animation_has_the_colours_of_its_track() -> None:
    frames = [DARK, DARK.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    file = images.animated(frames, "AVIF", quality=100, subsampling="4:4:4")
    linear = file.replace(b"colrnclx\x00\x01\x00\x0d", b"colrnclx\x00\x01\x00\x08")
    read = read_bmff("AVIF", linear, 64_000_000, fast=True)
    assert (read.frames, read.colour.cicp) == (2, (1, 8))
    assert read_bmff("AVIF", unsaid(file), 64_000_000, fast=True).colour.cicp is None
    assert off(linear, file) > 10


def test_streams_that_disagree_on_their_colours_are_refused_where_no_box_says_which_counts() -> None:
    translucent = avif(images.on_nothing((200, 30, 30)).resize((320, 240)))
    assert len(seen(streamed(translucent, 8))) == 2
    with pytest.raises(ItemError, match="different colours") as caught:
        seen(streamed(unsaid(translucent), 8))
    assert caught.value.reason is Reason.DECODE_FAILED


def test_only_the_kind_of_an_item_is_renamed_whatever_else_says_exif() -> None:
    profile = hostile.icc(1.4)
    at = profile.index(b"made\x00") + 5
    profile = profile[:at] + b"Exif" + profile[at + 4 :]
    read = read_bmff("AVIF", avif(icc_profile=profile, exif=hostile.exif((256, 3, 1, 320))), 64_000_000, fast=True)
    assert profile in read.data
    assert read.data.count(b"exifExif") == 1
    plain = avif()
    assert read_bmff("AVIF", plain, 64_000_000, fast=True).data is plain


@pytest.mark.parametrize("size", [(160, 120), (320, 120), (311, 240), (321, 240)])
def test_a_picture_that_is_cropped_by_a_property_is_refused(size: tuple[int, int]) -> None:
    """Chromium crops where the crop begins at the corner, others always or never."""
    with pytest.raises(ItemError, match="crop") as caught:
        seen(with_property(b"clap", crop(*size)))
    assert caught.value.reason is Reason.DECODE_FAILED


@pytest.mark.parametrize("body", [crop(320, 240), crop(319, 239), crop(312, 240), crop(640, 480, of=2)])
def test_a_crop_that_leaves_all_or_nearly_all_is_none(body: bytes) -> None:
    assert off(with_property(b"clap", body), avif()) < 1


@pytest.mark.parametrize("body", [crop(320, 240, of=0), bytes(32)])
def test_a_crop_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(ItemError, match="crop"):
        seen(with_property(b"clap", body))


def test_items_without_end_are_too_much_work() -> None:
    entries = struct.pack(">HBB", 7, 1, 1) * (MAX_ASSOCIATIONS // 4)
    boxes = struct.pack(">I4sI", 16 + len(entries), b"ipma", 0) + struct.pack(">I", len(entries) // 4) + entries
    iprp = struct.pack(">I4s", 8 + len(boxes), b"iprp") + boxes
    pitm = struct.pack(">I4sIH", 14, b"pitm", 0, 1)
    meta = struct.pack(">I4sI", 12 + len(pitm) + len(iprp), b"meta", 0) + pitm + iprp
    with pytest.raises(ItemError, match="bytes on what belongs") as caught:
        read_bmff("AVIF", struct.pack(">I4s4sI", 16, b"ftyp", b"avif", 0) + meta, 64_000_000, fast=True)
    assert caught.value.reason is Reason.TOO_MUCH_WORK
