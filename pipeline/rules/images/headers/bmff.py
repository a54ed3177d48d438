"""AVIF and HEIC: what an ISO-BMFF file says of its pictures, without a decoder.

Only the boxes that hold boxes are entered. Sources: ISO/IEC 14496-12 (boxes, 8.11.6 for ``infe``) and 23008-12
(items, ``ispe``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import islice

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.av1 import MAX_CHUNKS, Stream, chunk_places, stream, streams
from pipeline.rules.images.headers.gain_maps import check_tone_map
from pipeline.rules.images.headers.items import Items, check_alternatives, made_of, named
from pipeline.rules.images.headers.properties import Properties, check_crop, check_turns, cicp_of
from pipeline.rules.images.headers.stored import SRGB, Colour, Stored
from pipeline.rules.images.work import Work, check_size, copies

MAX_BOXES = 20_000
MAX_DEPTH = 8
BYTE = {"AVIF": 80e-9, "HEIC": 150e-9}
"""Seconds for a coded byte: entropy decoding of a picture full of noise."""
PIXEL = 18e-9
FRAME = 0.3e-3
DECODER_PIXEL = {"AVIF": 16, "HEIC": 9}
"""Bytes a pixel: planes, the picture made of them, a copy for Pillow and Pillow's. AVIF's is with alpha at 4:4:4."""

_IN_FRONT = {
    b"meta": 4,
    b"iinf": 6,
    b"iprp": 0,
    b"ipco": 0,
    b"grpl": 0,
    b"iref": 4,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
    b"stsd": 8,
    b"av01": 78,
}
"""Boxes that hold boxes, and how many bytes of their own come first."""
_CHUNKS = {b"stco": 4, b"co64": 8}


@dataclass
class _Found:
    name: str
    items: Items
    size: tuple[int, int] = (0, 0)
    frames: int = 0
    boxes: int = 0
    exifs: list[int] = field(default_factory=list)
    """Where items are said to be EXIF."""
    properties: Properties = field(default_factory=Properties)
    tracks: int = 0
    places: list[int] = field(default_factory=list)
    """Where the coded pictures of tracks begin."""


def read_bmff(name: str, data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """`name` is ``AVIF`` or ``HEIC``. Raises `ItemError` for what is too large or too much work.

    Of all the pictures in a file, such as tiles and thumbnails, the largest sets the size.
    """
    found = _Found(name, Items(name))
    _walk(data, 0, len(data), found, ())
    for item in found.items.of_kind(data, b"tmap"):
        check_tone_map(name, item.head(data))
    check_alternatives(data, found.items, found.properties.primary_number(data))
    size, colour = found.size, SRGB
    if found.tracks:
        _check_sequence(data, found)
    if name == "AVIF":
        coded, shown = _coded(data, found), found.properties.shown(data)
        check_crop(data, shown, size)
        check_turns(shown)
        colour = Colour(cicp=cicp_of(data, shown, coded))
        size = max([size, *(each.size for each in coded)], key=lambda each: each[0] * each[1])
    check_size(name, size, max_pixels)
    pixels, frames = size[0] * size[1], max(found.frames, 1)
    seconds = len(data) * BYTE[name] + frames * (pixels * PIXEL + FRAME)
    memory = pixels * DECODER_PIXEL[name] + copies(size, converted=False, turned=True, fast=fast)
    what = f"{name} of {size[0]:,} x {size[1]:,} pixels" + (f" in {frames:,} frames" if frames > 1 else "")
    return Stored(_without_exif(data, found), size, Work(seconds, memory, what), frames, colour=colour)


def _coded(data: bytes, found: _Found) -> list[Stream]:
    """The AV1 streams of all items and tracks. Raises `ItemError` where an item has none that can be read."""
    unread = found.items.are(b"av01")
    coded = []
    for item in found.items.of_kind(data, b"av01"):
        read = stream(item.head(data), 0)
        if read is not None:
            coded.append(read)
            unread.discard(item.number)
    if unread:
        raise ItemError(Reason.DECODE_FAILED, "AVIF: a coded picture whose header cannot be read")
    return coded + streams(data, found.places)


def _check_sequence(data: bytes, found: _Found) -> None:
    """Refuse a sequence beside a still that is another picture: some viewers play the one, some show the other.

    Encoders write no still but the sequence's first picture, and a HEIC's sequence is not decoded here.
    """
    if found.name == "HEIC":
        raise ItemError(Reason.DECODE_FAILED, "HEIC: a sequence, which some viewers play and others do not")
    stills = [item.pieces for item in found.items.of_kind(data, b"av01")]
    firsts = set(found.places)
    if stills and (data[8:12] != b"avis" or any(len(each) != 1 or each[0][0] not in firsts for each in stills)):
        raise ItemError(Reason.DECODE_FAILED, "AVIF: a sequence and a still, of which viewers show one or the other")


def _walk(data: bytes, at: int, end: int, found: _Found, inside: tuple[bytes, ...]) -> None:
    """`inside` names the boxes that these lie in, from the outermost."""
    while at + 8 <= end:
        found.boxes += 1
        if found.boxes > MAX_BOXES:
            raise ItemError(Reason.TOO_MUCH_WORK, f"{found.name}: over {MAX_BOXES:,} boxes")
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        start = at + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        stop = min(at + length, end) if length else end
        if stop < start:
            return
        _look(data, name, start, stop, found)
        _note(data, name, start, stop, found, inside)
        if name in _IN_FRONT and len(inside) < MAX_DEPTH:
            counted_in_four = name == b"iinf" and data[start : start + 1] != b"\x00"
            _walk(data, start + _IN_FRONT[name] + 2 * counted_in_four, stop, found, (*inside, name))
        at = stop


def _look(data: bytes, name: bytes, start: int, stop: int, found: _Found) -> None:
    """Take the sizes, the number of frames and the places of pictures, of all that are in the file."""
    if name == b"ispe" and stop - start >= 12:  # noqa: PLR2004  version, width, height
        _, width, height = struct.unpack_from(">III", data, start)
        if width * height > found.size[0] * found.size[1]:
            found.size = (width, height)
    elif name == b"tkhd" and stop - start >= 84:  # noqa: PLR2004  its last eight bytes, 16.16 fixed point
        width, height = struct.unpack_from(">II", data, stop - 8)
        if (width >> 16) * (height >> 16) > found.size[0] * found.size[1]:
            found.size = (width >> 16, height >> 16)
    elif name == b"stsz" and stop - start >= 12:  # noqa: PLR2004  version, size, count
        found.frames = max(found.frames, struct.unpack_from(">I", data, start + 8)[0])
    elif name in _CHUNKS:
        found.places += islice(chunk_places(data, start, _CHUNKS[name]), MAX_CHUNKS - len(found.places))


def _note(data: bytes, name: bytes, start: int, stop: int, found: _Found, inside: tuple[bytes, ...]) -> None:
    """Take what is said of single items and tracks."""
    _note_item(data, name, start, stop, found, inside)
    if name == b"trak":
        found.tracks += 1
    elif inside[-1:] == (b"av01",):
        found.properties.track.append((name, start, stop))
    elif inside == (b"meta", b"iprp", b"ipco"):
        found.properties.items.append((name, start, stop))
    elif inside == (b"meta", b"iprp") and name == b"ipma" and stop - start >= 8:  # noqa: PLR2004  flags and a count
        found.properties.associations.append((start, stop))
    elif inside == (b"meta",) and name == b"pitm" and found.properties.primary is None:
        found.properties.primary = (start, stop)


def _note_item(data: bytes, name: bytes, start: int, stop: int, found: _Found, inside: tuple[bytes, ...]) -> None:
    """Take what is said of what items are and where they lie."""
    if name == b"infe":
        number, at = named(data, start)
        if inside == (b"meta", b"iinf"):
            found.items.kinds.setdefault(number, set()).add(data[at : min(stop, at + 4)])
        if at + 4 <= stop and data[at : at + 4] == b"Exif":
            found.exifs.append(at)
    elif inside == (b"meta",) and name == b"iloc":
        found.items.located.append(start)
    elif inside == (b"meta",) and name == b"idat":
        found.items.held = found.items.held or (start, stop)
    elif inside == (b"meta", b"iref") and name == b"dimg":
        made, of = made_of(data, start, wide=found.items.refers_widely)
        found.items.made_of.setdefault(made, set()).add(of)
    elif inside == (b"meta",) and name == b"iref":
        found.items.refers_widely = data[start : start + 1] != b"\x00"
    elif inside == (b"meta", b"grpl") and name == b"altr":
        found.items.alternatives.append((start + 12, stop))


def _without_exif(data: bytes, found: _Found) -> bytes:
    """The file with its EXIF item renamed to a type that no reader knows, which keeps every length.

    Viewers turn these pictures by ``irot`` and ``imir`` alone, and Pillow would read the whole EXIF.
    """
    if not found.exifs:
        return data
    renamed = bytearray(data)
    for at in found.exifs:
        renamed[at : at + 4] = b"exif"
    return bytes(renamed)
