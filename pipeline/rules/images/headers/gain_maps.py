"""Files with a gain map whose own picture is for HDR screens: on all others browsers show another than is stored.

A second picture in the file, the gain map, says by how much each pixel is lighter or darker on the other kind of
screen. Phones write a picture for ordinary screens and a map for HDR: what is stored is what is seen there, and
passes. The other way round a map may draw any picture upon an empty one, and no camera writes it: such a file is
refused.

Sources: ISO 21496-1, annex C; Adobe's gain map specification 1.0; CIPA DC-007 (MPF); Skia, which finds a map by MPF
or by XMP's container, and reads its XMP and ISO 21496-1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from struct import error, iter_unpack, unpack_from

from pipeline.errors import ItemError, Reason

MPF = b"MPF\x00"
XMP = b"http://ns.adobe.com/x"
"""What XMP in a JPEG begins with, and its extension, in which it goes on."""
_EXTENSION = XMP + b"mp/extension/"
_ISO = b"urn:iso:std:iso:ts:21496:-1\x00"
_ORDERS = {b"II": "<", b"MM": ">"}
_PLACES, _PLACE = 0xB002, "IIIHH"
_SEGMENT = 65_536
_HEADROOMS, _CHANNEL, _IN_COLOURS = 21, 40, 0x80
"""Bytes of ISO's description up to its channels, and of one; the flag by which it has three of these."""


def _wide(word: bytes) -> bytes:
    """The word in UTF-16, in either order of bytes."""
    return b"\x00".join(word[index : index + 1] for index in range(len(word)))


_HDR, _CONTAINER = b"BaseRenditionIsHDR", b"Semantic"
_WIDE_HDR, _WIDE_CONTAINER = _wide(_HDR), _wide(_CONTAINER)
_NAMED = re.compile(rb"(</[^<>]{0,40})?" + _HDR + rb"""(\s*=\s*["']False["']|\s*>\s*False\s*(?=<))?""", re.IGNORECASE)
"""Where XMP names it: in an end tag, or with what it says where it denies it."""


def may_point(xmp: bytes) -> bool:
    """Whether XMP in front of the picture may say where a gain map is."""
    return xmp.startswith(_EXTENSION) or _CONTAINER in xmp or _WIDE_CONTAINER in xmp


def check_gain_map(data: bytes, scan: int, indices: Sequence[tuple[int, bytes]], *, pointed: bool) -> None:
    """Raises `ItemError` for a picture that a gain map in the same file says is for HDR screens.

    `indices` are the bodies of MPF segments with where they count from, `scan` is where the picture begins, and
    `pointed` is whether XMP may say where the map is. Files without either have no map.
    """
    starts = [start for index in indices for start in _starts(*index)]
    if pointed or (indices and not starts):
        starts.append(scan)
    if starts and _is_for_hdr(data, max(0, min(starts))):
        raise ItemError(Reason.DECODE_FAILED, "JPEG: a picture for HDR screens, of which a gain map makes another")


def check_tone_map(name: str, item: bytes) -> None:
    """Likewise for AVIF and HEIC, whose ``tmap`` item holds a version and then the same description."""
    if _describes_hdr(item[1:]):
        raise ItemError(Reason.DECODE_FAILED, f"{name}: a picture for HDR screens, of which a gain map makes another")


def _starts(at: int, index: bytes) -> Iterator[int]:
    """Where the further pictures begin that an index lists, which counts from behind its mark."""
    order = _ORDERS.get(index[4:6], "<")
    try:
        (first,) = unpack_from(order + "I", index, 8)
        (count,) = unpack_from(order + "H", index, 4 + first)
        for entry in range(count):
            tag, _, length, place = unpack_from(order + "HHII", index, 4 + first + 2 + 12 * entry)
            if tag == _PLACES:
                listed = index[4 + place : 4 + place + length - length % 16]
                yield from (at + start for _, _, start, _, _ in iter_unpack(order + _PLACE, listed) if start)
    except error:
        return


def _is_for_hdr(data: bytes, start: int) -> bool:
    for at in _found(data, XMP, start):
        packet = data[at : at + _SEGMENT]
        if packet.startswith(_EXTENSION) or _WIDE_HDR in packet or _affirms(packet):
            return True
    return any(_is_brighter(data, at) for at in _found(data, _ISO, start))


def _affirms(packet: bytes) -> bool:
    return any(not (ends or denied) for ends, denied in _NAMED.findall(packet))


def _found(data: bytes, mark: bytes, start: int) -> Iterator[int]:
    at = data.find(mark, start)
    while at >= 0:
        yield at
        at = data.find(mark, at + len(mark))


def _is_brighter(data: bytes, at: int) -> bool:
    """Whether the description whose mark stands at `at` gives the picture no less headroom than the other."""
    length = int.from_bytes(data[at - 2 : at], "big")
    return _describes_hdr(data[at + len(_ISO) : at - 2 + length])


def _describes_hdr(body: bytes) -> bool:
    if len(body) < _HEADROOMS + _CHANNEL or int.from_bytes(body[:2], "big"):
        return False
    if body[4] & _IN_COLOURS and len(body) < _HEADROOMS + 3 * _CHANNEL:
        return False
    ours, theirs = (_ratio(*unpack_from(">II", body, place)) for place in (5, 13))
    return not ours < theirs


def _ratio(above: int, below: int) -> float:
    return above / below if below else (math.inf if above else math.nan)
