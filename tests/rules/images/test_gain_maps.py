"""A JPEG for HDR screens, which browsers show darkened by its gain map on others, is refused; a phone's is judged."""

from __future__ import annotations

import struct

import pytest

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers import read
from tests import hostile_images as hostile
from tests import images

PICTURE = images.encoded(images.photograph(90, 60), "JPEG")
MAP = images.encoded(images.photograph(45, 30).convert("L"), "JPEG")
XMP, EXTENSION = b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00"
ISO = b"urn:iso:std:iso:ts:21496:-1\x00"
SCREENS = {"HDR": ((4, 1), (0, 1)), "SDR": ((0, 1), (4, 1))}
CONTAINER = b'<rdf:li><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="%d"/></rdf:li>'


def xmp(inside: bytes, attributes: bytes = b"") -> bytes:
    head = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description hdrgm:Version="1.0" '
    text = head + attributes + b">" + inside + b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    return hostile.segment(0xE1, XMP + text)


def iso(
    ours: tuple[int, int], theirs: tuple[int, int], channels: int = 1, flags: int = 0x40, version: int = 0
) -> bytes:
    body = struct.pack(">HHBIIII", version, 0, flags | (0x80 if channels == 3 else 0), *ours, *theirs)
    return hostile.segment(0xE2, ISO + body + struct.pack(">iIiIIIiIiI", -4, 1, 4, 1, 1, 1, 1, 64, 1, 64) * channels)


def with_index(file: bytes, offset: int, order: str = ">") -> bytes:
    """The file with a list of two pictures in front, the second one `offset` bytes behind the first one's end."""

    def index(start: int) -> bytes:
        mark = b"MM\x00*" if order == ">" else b"II*\x00"
        head = struct.pack(order + "IH", 8, 3) + struct.pack(order + "HHI4s", 0xB000, 7, 4, b"0100")
        head += struct.pack(order + "HHIIHHIII", 0xB001, 4, 1, 2, 0xB002, 7, 32, 50, 0)
        places = struct.pack(order + "IIIHHIIIHH", 0x030000, 0, 0, 0, 0, 0, 99, start, 0, 0)
        return hostile.segment(0xE2, b"MPF\x00" + mark + head + places)

    return hostile.with_segments(file, index(len(file) + len(index(0)) - 10 + offset))


def by_index(described: bytes, order: str = ">") -> bytes:
    base = hostile.with_segments(PICTURE, xmp(b""), hostile.segment(0xE2, ISO + bytes(4)))
    return with_index(base, 0, order) + hostile.with_segments(MAP, described)


def by_container(described: bytes) -> bytes:
    map_ = hostile.with_segments(MAP, described)
    return hostile.with_segments(PICTURE, xmp(CONTAINER % len(map_))) + map_


def is_read(file: bytes) -> bool:
    """Whether it goes on to be decoded."""
    try:
        stored = read("JPEG", file, 10**8, fast=True, shrink=lambda _size, _colour: 1)
    except ItemError as error:
        assert (error.reason, "HDR" in str(error)) == (Reason.DECODE_FAILED, True)  # noqa: PT017  it may be read, too
        return False
    return stored.size == (90, 60)


ELEMENT = b"<hdrgm:BaseRenditionIsHDR>%s</hdrgm:BaseRenditionIsHDR>"


@pytest.mark.parametrize("make", [by_index, by_container])
@pytest.mark.parametrize(
    ("described", "read"),
    [
        (xmp(b""), True),
        (xmp(b"", b'hdrgm:BaseRenditionIsHDR="False"'), True),
        (xmp(ELEMENT % b"False"), True),
        (xmp(ELEMENT % b" False "), True),
        (xmp(b"", b'hdrgm:BaseRenditionIsHDR="True"'), False),
        (xmp(b"", b"hdrgm:BaseRenditionIsHDR = 'True'"), False),
        (xmp(b"", b'hdrgm:BaseRenditionIsHDR="&#84;rue"'), False),
        (xmp(b"", b'a:BaseRenditionIsHDR="False" b:BaseRenditionIsHDR="True"'), False),
        (xmp(ELEMENT % b"True"), False),
        (xmp(b"BaseRenditionIsHDR".decode().encode("utf-16-le")), False),
        (xmp(b"BaseRenditionIsHDR".decode().encode("utf-16-be")), False),
        (hostile.segment(0xE1, EXTENSION + bytes(40) + b"BaseRend"), False),
        (iso(*SCREENS["SDR"]), True),
        (iso(*SCREENS["SDR"], channels=3), True),
        (iso(*SCREENS["HDR"]), False),
        (iso(*SCREENS["HDR"], channels=3), False),
        (iso((1, 2), (2, 4)), False),
        (iso((0, 0), (4, 1)), False),
        (iso((0, 1), (4, 0)), True),
        (iso(*SCREENS["HDR"], version=1), True),
        (iso(*SCREENS["HDR"], flags=0x80), True),
    ],
)
def test_a_gain_map_refuses_its_picture_only_where_that_is_for_hdr(
    make: object, described: bytes, read: bool
) -> None:
    assert is_read(make(described)) == read  # type: ignore[operator]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_list_of_pictures_is_read_in_either_order_of_bytes(order: str) -> None:
    assert not is_read(by_index(iso(*SCREENS["HDR"]), order))
    assert is_read(by_index(iso(*SCREENS["SDR"]), order))


def test_a_list_that_cannot_be_read_leaves_all_of_the_file_to_look_at() -> None:
    broken = hostile.segment(0xE2, b"MPF\x00MM\x00*" + struct.pack(">I", 5000))
    behind = hostile.with_segments(MAP, iso(*SCREENS["HDR"]))
    assert not is_read(hostile.with_segments(PICTURE, broken) + behind)


def test_a_map_in_front_of_the_picture_is_found_too() -> None:
    """A list may point anywhere."""
    hidden = hostile.segment(0xED, hostile.with_segments(MAP, iso(*SCREENS["HDR"])))
    file = hostile.with_segments(PICTURE, hidden)
    assert not is_read(with_index(file, 6 - len(file)))


def test_what_says_nothing_of_a_map_may_hold_anything() -> None:
    assert is_read(PICTURE + hostile.with_segments(MAP, iso(*SCREENS["HDR"])))
    assert is_read(hostile.with_segments(PICTURE, xmp(b'<a dc:title="BaseRenditionIsHDR"/>')))
