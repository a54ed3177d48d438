"""Which JPEGs are plain, judged strictly by their markers: only these go to a decoder that nobody can look into.

Plain is what cameras and encoders write: baseline or progressive, 8 bits, grey or YCbCr, one frame, every segment in
its place, and the end mark where the last scan ends. Nothing is repaired here. A JPEG that is not plain may well be
an image: it goes to a decoder that is made for files from strangers.

Sources: ITU-T T.81, annex B; for what three components mean, libjpeg's ``default_decompress_parms``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_FF, _SOS, _EOI, _APP14 = 0xFF, 0xDA, 0xD9, 0xEE
_TAGS = {0xE1, 0xE2}
_FRAMES = {0xC0, 0xC2}
"""Baseline and progressive, both Huffman-coded."""
_TABLES = {0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Huffman tables, quantisation tables, restart interval, comment, application data."""
_LUMA = {0x11, 0x12, 0x21, 0x22, 0x41, 0x42}
"""Luma's sampling beside chroma's 1x1: 4:4:4, 4:4:0, 4:2:2, 4:2:0, 4:1:1, 4:1:0."""
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that is neither a stuffed zero nor a restart mark nor fill."""
MAX_SCANS = 64
"""Encoders write up to about twenty. Each is a pass over the whole image, which costs a hostile file ten bytes."""
MAX_SEGMENTS = 1000
"""A large ICC profile takes some 60; a hostile file could hold one every four bytes."""


@dataclass(frozen=True, slots=True)
class PlainJpeg:
    """What the markers of a plain JPEG say; ``size`` is (width, height) as stored, before EXIF turns it."""

    size: tuple[int, int]
    components: int
    """1 is grey, 3 is YCbCr."""
    is_tagged: bool
    """Whether there is application data of the kinds that hold an EXIF orientation or a colour profile."""
    end: int
    """Bytes up to and with the end mark; what follows is no part of the image."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """``data[start:stop]`` is what the marker brings; a scan's coded bytes lie in ``data[stop:end]``."""

    marker: int
    start: int
    stop: int
    end: int


def plain_jpeg(data: bytes) -> PlainJpeg | None:
    """What the markers say, or None for whatever is not a whole, plain JPEG. Raises nothing."""
    segments = _segments(data)
    frames = [each for each in segments if each.marker in _FRAMES]
    scans = [each for each in segments if each.marker == _SOS]
    others = {each.marker for each in segments} - _FRAMES - {_SOS}
    if len(frames) != 1 or not 0 < len(scans) <= MAX_SCANS or not others <= _TABLES | {_EOI}:
        return None
    frame = _frame(data[frames[0].start : frames[0].stop])
    if frame is None or segments[-1].marker != _EOI or scans[0].start < frames[0].start:
        return None
    size, components = frame
    if components > 1 and _is_rgb_by_adobe(data, segments):
        return None
    blocks = math.ceil(size[0] / 8) * math.ceil(size[1] / 8)
    if 8 * sum(each.end - each.stop for each in scans) < blocks:  # no code is shorter than a bit
        return None
    return PlainJpeg(size, components, any(each.marker in _TAGS for each in segments), segments[-1].end)


def _segments(data: bytes) -> list[_Segment]:
    """All segments up to the first end mark or the first thing out of place; none for what is no JPEG."""
    found: list[_Segment] = []
    at = 2 if data.startswith(b"\xff\xd8") else len(data)
    while at + 2 <= len(data) and data[at] == _FF and len(found) < MAX_SEGMENTS:
        marker = data[at + 1]
        if marker == _EOI:
            return [*found, _Segment(marker, at + 2, at + 2, at + 2)]
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > len(data):
            break
        end = stop
        if marker == _SOS:
            following = _MARKER_AFTER_SCAN.search(data, stop)
            end = following.start() if following else len(data)
        found.append(_Segment(marker, at + 4, stop, end))
        at = end
    return found


def _frame(body: bytes) -> tuple[tuple[int, int], int] | None:
    """((width, height), components) of a frame header of 8 bits, in grey or YCbCr."""
    precision, height, width = body[:1], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    components = [body[at : at + 3] for at in range(6, len(body), 3)]
    count = int.from_bytes(body[5:6], "big")
    if precision != b"\x08" or not width or not height or len(body) != 6 + 3 * count:
        return None
    sampling = [each[1] for each in components]
    if sampling == [0x11]:
        return (width, height), 1
    is_ycbcr = sampling[1:] == [0x11, 0x11] and sampling[0] in _LUMA and bytes(c[0] for c in components) != b"RGB"
    return ((width, height), 3) if is_ycbcr else None


def _is_rgb_by_adobe(data: bytes, segments: list[_Segment]) -> bool:
    """Whether Adobe's segment says that the components were not turned into YCbCr."""
    adobe = [data[each.start : each.stop] for each in segments if each.marker == _APP14]
    return any(body.startswith(b"Adobe") and body[11:12] != b"\x01" for body in adobe)
