"""ISO-BMFF: boxes read and written, with every length made right again, and files put together of pictures."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

FULL = {b"meta": 4, b"stsd": 8, b"dref": 8, b"iref": 4}
"""Bytes in front of the boxes that these hold."""
HOLDING = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"iprp", b"ipco", *FULL}


@dataclass
class Box:
    """A box: what it holds stands behind `body`, which is all of it where it holds none."""

    name: bytes
    body: bytes
    held: list[Box] = field(default_factory=list)

    def __bytes__(self) -> bytes:
        inner = self.body + b"".join(map(bytes, self.held))
        return struct.pack(">I", len(inner) + 8) + self.name + inner

    def all(self) -> Iterator[Box]:
        yield self
        for each in self.held:
            yield from each.all()


def parsed(data: bytes) -> list[Box]:
    """The boxes of a sound file."""
    found, at = [], 0
    while at + 8 <= len(data):
        stop = at + max(8, int.from_bytes(data[at : at + 4], "big"))
        name, body = data[at + 4 : at + 8], data[at + 8 : stop]
        skip = FULL.get(name, 0)
        box = Box(name, body[:skip], parsed(body[skip:])) if name in HOLDING else Box(name, body)
        found.append(box)
        at = stop
    return found


def written(boxes: Sequence[Box]) -> bytes:
    """The file again, in which places are moved by as much as the media data has been."""
    return b"".join(map(bytes, boxes))


def media_at(boxes: Sequence[Box]) -> int:
    """Where the media data begins."""
    at = 0
    for box in boxes:
        if box.name == b"mdat":
            break
        at += len(bytes(box))
    return at + 8


def box(name: bytes, *parts: bytes) -> bytes:
    return bytes(Box(name, b"".join(parts)))


def full(name: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


@dataclass(frozen=True)
class Picture:
    """One coded picture: its item type, its bytes, and the boxes that describe it (``ispe``, ``av1C``, ``hvcC``)."""

    kind: bytes
    coded: bytes
    properties: tuple[bytes, ...]


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "big")


def first_picture(data: bytes) -> Picture:
    """The first item of a still that an encoder made, with its properties."""
    (meta,) = (each for each in parsed(data) if each.name == b"meta")
    by_name = {each.name: each for each in meta.all()}
    iloc = by_name[b"iloc"].body
    version, offset, length = iloc[0], iloc[4] >> 4, iloc[4] & 15
    base, index = iloc[5] >> 4, (iloc[5] & 15) * (version > 0)
    at = 8 + (2 if version else 0) + 2 + 2 + base + 2 + index
    start = _number(iloc, at - index - 2 - base, base) + _number(iloc, at, offset)
    coded = data[start : start + _number(iloc, at + offset, length)]
    kind = next(each for each in (b"av01", b"hvc1") if each in by_name[b"iinf"].body)
    kept = tuple(bytes(each) for each in by_name[b"ipco"].held if each.name in {b"ispe", b"av1C", b"hvcC", b"pixi"})
    return Picture(kind, coded, kept)


def file_of(
    brand: bytes,
    pictures: Sequence[Picture],
    *,
    refers: Sequence[tuple[bytes, int, Sequence[int]]] = (),
    primary: int = 1,
    more: bytes = b"",
    spots: Sequence[tuple[int, int]] | None = None,
) -> bytes:
    """A still of those items, numbered from 1; `spots` (offset, length) say otherwise where each lies in the data."""
    media = b"".join(each.coded for each in pictures)
    if spots is None:
        ends = [0]
        for each in pictures:
            ends.append(ends[-1] + len(each.coded))
        spots = [(start, end - start) for start, end in pairwise(ends)]
    head = box(b"ftyp", brand, bytes(4), brand, b"mif1", b"miaf")
    length = len(_meta(pictures, spots, 0, refers, primary)) + len(head) + len(more) + 8
    return head + _meta(pictures, spots, length, refers, primary) + more + box(b"mdat", media)


def _meta(
    pictures: Sequence[Picture],
    spots: Sequence[tuple[int, int]],
    start: int,
    refers: Sequence[tuple[bytes, int, Sequence[int]]],
    primary: int,
) -> bytes:
    count = struct.pack(">H", len(pictures))
    places = b"".join(
        struct.pack(">HHHII", index, 0, 1, (start + at) & 0xFFFFFFFF, size)
        for index, (at, size) in enumerate(spots, 1)
    )
    entries = b"".join(
        full(b"infe", struct.pack(">HH", index, 0), each.kind, b"\x00", version=2)
        for index, each in enumerate(pictures, 1)
    )
    links = b"".join(box(name, struct.pack(f">HH{len(to)}H", source, len(to), *to)) for name, source, to in refers)
    return full(
        b"meta",
        full(b"hdlr", bytes(4), b"pict", bytes(13)),
        full(b"pitm", struct.pack(">H", primary & 0xFFFF)),
        full(b"iloc", b"\x44\x00", count, places),
        full(b"iinf", count, entries),
        full(b"iref", links) if links else b"",
        _properties(pictures),
    )


def _properties(pictures: Sequence[Picture]) -> bytes:
    unique = list(dict.fromkeys(each for picture in pictures for each in picture.properties))
    rows = b"".join(
        struct.pack(">HB", index, len(each.properties))
        + bytes(
            unique.index(one) + 1 & 0x7F | (0x80 if one[4:8] in {b"av1C", b"hvcC"} else 0) for one in each.properties
        )
        for index, each in enumerate(pictures, 1)
    )
    return box(b"iprp", box(b"ipco", *unique), full(b"ipma", struct.pack(">I", len(pictures)), rows))
