"""JPEG: its markers up to the first scan, and how many scans there are.

What the decoder gets has the application data that its colours need (JFIF, Adobe) and no other: Pillow keeps a list
of all of it, and tries EXIF and MPF on opening. ITU-T T.81 annex B gives the markers, ICC.1 annex B.4 how profiles
are split over segments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import MARK, UPRIGHT, orientation
from pipeline.rules.images.headers.gain_maps import MPF, XMP, check_gain_map, may_point
from pipeline.rules.images.headers.stored import Colour, Stored, check_profile
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying

_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
_SOS, _EOI, _APP0, _APP1, _APP2, _APP14, _COM = 0xDA, 0xD9, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_ARITHMETIC = {*range(0xC9, 0xD0)}
_BARE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a segment."""
_ICC = b"ICC_PROFILE\x00"
_INDEX = 8
"""Bytes of a list of pictures, with its marker, in front of where it counts from."""

MAX_SEGMENTS = 5_000
"""Segments before a scan. The largest colour profile takes 65."""
MAX_SCANS = 20_000
HUFFMAN, ARITHMETIC = 16e-9, 120e-9
"""Seconds to decode a byte of a scan."""
PASS = 1.1e-9
"""Seconds that one scan takes for one sample, even where it says that nothing changes."""
SAMPLE = 2.5e-9
"""Seconds from coefficients to one sample of the decoded picture."""
KEPT_SAMPLE = 2e-9
"""Seconds to lay out one sample's coefficient and to go over it at the end, where all are kept."""
COEFFICIENT = 2
"""Bytes of a coefficient. All of a picture of several scans is kept as coefficients."""


@dataclass
class _Markers:
    """What was found before the first scan."""

    kept: list[tuple[int, int]] = field(default_factory=list)
    frame: bytes = b""
    kind: int = 0
    exif: bytes | None = None
    profile: list[bytes] = field(default_factory=list)
    indices: list[tuple[int, bytes]] = field(default_factory=list)
    """Lists of further pictures, each with where it stands."""
    pointed: bool = False
    """Whether XMP may say where a gain map is."""
    scan: int = 0
    """Where the first scan's marker is."""
    dropped: bool = False


def read_jpeg(
    data: bytes, max_pixels: int, shrink: Callable[[tuple[int, int], Colour], int], *, fast: bool
) -> Stored:
    """Raises `ItemError` for what is too large, too much work, or ends before its first scan.

    `shrink` gives the factor, 1 to 8, by which the decoder will scale a (width, height) of those colours.
    """
    found = _up_to_scan(data)
    check_gain_map(data, found.scan, found.indices, pointed=found.pointed)
    height, width = int.from_bytes(found.frame[1:3], "big"), int.from_bytes(found.frame[3:5], "big")
    size = (width, height)
    check_size("JPEG", size, max_pixels)
    shares = _shares(found.frame)
    scans, passes = _scans(data, found, shares)
    exif = found.exif or b""
    turn = orientation(exif)
    either_way_up = turn != UPRIGHT and exif[len(MARK)] != 0  # Chromium turns it then, too; others do not
    colour = Colour(icc=_profile(found.profile))
    work = _work(
        size,
        sum(shares.values()),
        len(data) - found.scan,
        found,
        (scans, passes, shrink(size, colour)),
        turn,
        fast=fast,
    )
    kept = data
    if found.dropped:
        kept = b"".join([b"\xff\xd8", *(data[start:end] for start, end in found.kept), data[found.scan :]])
    lacks_end = data.rfind(b"\xff\xd9", found.scan) < 0
    if lacks_end:
        work = work.and_more(work.seconds)  # it is decoded twice, to see whether pixels are missing, too
    return Stored(kept, size, work, 1, turn, colour, lacks_end, either_way_up=either_way_up)


def _up_to_scan(data: bytes) -> _Markers:
    found = _Markers()
    at = 2
    for _ in range(MAX_SEGMENTS):
        mark = _MARKER.search(data, at)
        if mark is None or mark.end() + 2 > len(data) or mark[1][0] == _EOI:
            break
        marker, start = mark[1][0], mark.end()
        found.dropped |= mark.start() > at  # junk, which libjpeg skips and Pillow skips byte by byte
        if marker in _BARE:
            at, found.dropped = start, True
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if marker == _SOS:
            found.scan = start - 2
            if not found.frame:
                break
            return found
        _note(found, marker, data[start + 2 : end], at + _INDEX)
        if _is_dropped(marker):
            found.dropped = True
        else:
            found.kept.append((start - 2, end))
        at = end
    else:
        raise ItemError(Reason.TOO_MUCH_WORK, f"JPEG: over {MAX_SEGMENTS:,} segments in front of the picture")
    raise ItemError(Reason.TRUNCATED, f"JPEG: no picture in its {len(data):,} bytes")


def _is_dropped(marker: int) -> bool:
    return marker == _COM or (marker & 0xF0 == _APP0 and marker not in {_APP0, _APP14})


def _note(found: _Markers, marker: int, body: bytes, at: int) -> None:
    if marker in _FRAMES:
        if not found.frame:  # libjpeg refuses a second one
            found.frame, found.kind = body, marker
    elif marker == _APP1 and body.startswith(MARK):
        found.exif = body if found.exif is None else found.exif
    elif marker == _APP2 and body.startswith(_ICC):
        found.profile.append(body[len(_ICC) :])
    elif marker == _APP2 and body.startswith(MPF):
        found.indices.append((at, body))
    elif marker == _APP1 and body.startswith(XMP):
        found.pointed |= may_point(body)


def _profile(parts: list[bytes]) -> bytes | None:
    """A colour profile put together from its numbered parts, or None where some are missing."""
    ordered = sorted(parts, key=lambda part: part[:1])
    numbers = [part[0] for part in ordered if len(part) > 1]
    if not parts or numbers != list(range(1, len(parts) + 1)) or ordered[0][1] != len(parts):
        return None
    profile = b"".join(part[2:] for part in ordered)
    check_profile("JPEG", len(profile))
    return profile


def _shares(frame: bytes) -> dict[int, float]:
    """Samples for each pixel, by component: 1 for luma, 0.25 for chroma at half the width and height."""
    components = [(frame[at], frame[at + 1]) for at in range(6, len(frame) - 2, 3)]
    areas = {name: max(1, sampling >> 4) * max(1, sampling & 15) for name, sampling in components}
    across = max([max(1, sampling >> 4) for _, sampling in components], default=1)
    down = max([max(1, sampling & 15) for _, sampling in components], default=1)
    return {name: area / (across * down) for name, area in areas.items()} or {0: 1.0}


def _scans(data: bytes, found: _Markers, shares: dict[int, float]) -> tuple[int, float]:
    """How many scans there are, and how often they pass over the picture, in samples for each pixel."""
    whole = sum(shares.values())
    at, scans, passes = found.scan, 0, 0.0
    several = found.kind in _PROGRESSIVE
    while True:
        head = data[at + 4 : at + 4 + 1 + 2 * 4]
        names = [head[1 + 2 * index] for index in range(min(head[0], 4) if head else 0) if 1 + 2 * index < len(head)]
        scans, passes = scans + 1, passes + sum(shares.get(name, 1.0) for name in names)
        several |= len(names) < len(shares)
        if not several:
            return 1, whole
        next_scan = _next_scan(data, at)
        if next_scan is None:
            return scans, passes
        if scans >= MAX_SCANS:
            raise ItemError(Reason.TOO_MUCH_WORK, f"JPEG: over {MAX_SCANS:,} scans")
        at = next_scan


def _next_scan(data: bytes, at: int) -> int | None:
    """Where the marker of the next scan is, behind the one whose marker is at `at`."""
    at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    for _ in range(MAX_SEGMENTS):
        mark = _AFTER_SCAN.search(data, at)
        if mark is None or mark[1][0] == _EOI:
            return None
        start = mark.end()
        if mark[1][0] == _SOS:
            return start - 2
        at = start if mark[1][0] in _BARE else start + int.from_bytes(data[start : start + 2], "big")
    raise ItemError(Reason.TOO_MUCH_WORK, f"JPEG: over {MAX_SEGMENTS:,} segments between two scans")


def _work(
    size: tuple[int, int],
    samples: float,
    coded: int,
    found: _Markers,
    reading: tuple[int, float, int],
    turn: int,
    *,
    fast: bool,
) -> Work:
    scans, passes, shrink = reading
    pixels = size[0] * size[1]
    shown = pixels / shrink**2
    several = scans > 1 or found.kind in _PROGRESSIVE
    rate = ARITHMETIC if found.kind in _ARITHMETIC else HUFFMAN
    seconds = coded * rate + pixels * passes * PASS + shown * max(samples, 1) * SAMPLE + shown * SAMPLE
    seconds += KEPT_SAMPLE * samples * pixels if several else 0
    memory = (COEFFICIENT * samples * pixels if several else 0) + shown * PILLOW_PIXEL
    scaled = (size[0] // shrink, size[1] // shrink)
    seconds += copying(scaled, converted=False, turned=turn != 1, fast=fast)
    memory += copies(scaled, converted=False, turned=turn != 1, fast=fast)
    return Work(seconds, memory, f"JPEG of {size[0]:,} x {size[1]:,} pixels in {scans:,} scan{'s'[: scans != 1]}")
