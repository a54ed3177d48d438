"""Which ICC profiles browsers take, and what they read of them.

The rules are those of skcms, by which Chromium reads profiles: it looks at a few tags alone, and a profile in which
one of these is malformed is none. LittleCMS, which computes the colours here, differs in most of this. So it gets a
profile that is written anew, of the tags that count and no other.

Sources: ICC.1:2022, 7.2, 7.3 and 10; skcms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from struct import error, iter_unpack, pack, unpack_from

import numpy as np

_VERSION = 4
_D50, _WHITE_SLACK = (0.9642, 1.0, 0.8249), 0.01
"""The white that a profile's header must name, and how far it may be from it."""
_TAGS = 132
"""Where the table of tags begins."""
_LEAST = 4
"""Bytes of a tag: those that name its kind."""
_CURVES, _COLUMNS = (b"rTRC", b"gTRC", b"bTRC"), (b"rXYZ", b"gXYZ", b"bXYZ")
_TO_PCS, _FROM_PCS = (b"A2B0", b"A2B1"), (b"B2A0", b"B2A1")
"""Of each the first that is there counts."""
_READ = {b"kTRC", b"cicp", *_CURVES, *_COLUMNS, *_TO_PCS, *_FROM_PCS}
_PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers a parametric curve of each kind has."""
_SHIFTED = 2
"""The last kind of those whose straight part ends where their power begins."""
_IDENTITY = pack(">9i", *(65536 * (at % 4 == 0) for at in range(9)))
_MATRIX = slice(12, 48)
_MOST_INPUTS, _OUTPUTS = 4, 3
_MOST_ENTRIES = 4096
_PRIMARIES, _TRANSFERS = {1, *range(4, 13), 22}, {1, *range(4, 9), 11, *range(13, 19)}
"""H.273's codes that browsers know."""


@dataclass(frozen=True, slots=True)
class Profile:
    """`space` is of the picture's numbers: ``RGB``, ``GRAY`` or ``CMYK``; others fit no picture."""

    space: str
    data: bytes
    """A profile of what browsers read of it, for LittleCMS."""
    cicp: tuple[int, int] | None = None
    """Primaries and transfer by H.273. Where they are given, they count, and nothing else does."""
    tables_to_xyz: bool = False
    """Whether tables give XYZ, as next to no profile has it: skcms takes their numbers for half of what they are."""


def read_profile(icc: bytes) -> Profile | None:
    """What browsers read of it; None where it is no profile to them, and they ignore it."""
    try:
        return _read(icc)
    except (error, IndexError):
        return None


def known(primaries: int, transfer: int) -> bool:
    """Whether browsers know both codes of H.273."""
    return primaries in _PRIMARIES and transfer in _TRANSFERS


def _read(icc: bytes) -> Profile | None:
    size, (count,) = int.from_bytes(icc[:4], "big"), unpack_from(">I", icc, _TAGS - 4)
    if icc[36:40] != b"acsp" or icc[8] > _VERSION or not _TAGS + 12 * count <= size <= len(icc):
        return None
    white = unpack_from(">3i", icc, 68)
    if any(abs(part / 65536 - ours) > _WHITE_SLACK for part, ours in zip(white, _D50, strict=True)):
        return None
    places: dict[bytes, tuple[int, int]] = {}
    for name, start, length in iter_unpack(">4sII", icc[_TAGS : _TAGS + 12 * count]):
        if start + length > size or length < _LEAST:
            return None
        if name in _READ and name not in places:
            places[name] = start, start + length
    tags = {name: icc[start:end] for name, (start, end) in places.items()}
    space = icc[16:20].decode("latin-1").strip()
    if icc[20:24] not in {b"XYZ ", b"Lab "}:
        return None
    kept = _kept(tags, space)
    if kept is None:
        return None
    to_xyz = b"A2B0" in kept and icc[20:24] == b"XYZ "
    return Profile(space, _written(icc, kept), _cicp(tags.get(b"cicp")), tables_to_xyz=to_xyz)


def _kept(tags: Mapping[bytes, bytes], space: str) -> dict[bytes, bytes] | None:
    """The tags that count, as LittleCMS is to see them; None where one of them is malformed, or too few are there."""
    curves = [tags[name] for name in _CURVES if name in tags]
    columns = [tags[name] for name in _COLUMNS if name in tags]
    kept: dict[bytes, bytes] = {}
    if space == "GRAY" and b"kTRC" in tags:
        if not _curve(tags[b"kTRC"]):
            return None
        kept[b"kTRC"] = tags[b"kTRC"]
    else:
        if len(curves) == len(_CURVES):
            if not all(map(_curve, curves)):
                return None
            kept.update(zip(_CURVES, curves, strict=True))
        if len(columns) == len(_COLUMNS):
            if any(each[:4] != b"XYZ " or len(each) < 20 for each in columns):  # noqa: PLR2004  three numbers
                return None
            kept.update(zip(_COLUMNS, columns, strict=True))
    to_pcs = next((tags[name] for name in _TO_PCS if name in tags), None)
    from_pcs = next((tags[name] for name in _FROM_PCS if name in tags), None)
    if (to_pcs and not _table(to_pcs, b"mAB ")) or (from_pcs and not _table(from_pcs, b"mBA ")):
        return None
    cicp = tags.get(b"cicp")
    if cicp is not None and (cicp[:4] != b"cicp" or len(cicp) < 12):  # noqa: PLR2004  its four codes
        return None
    if to_pcs:
        kept[b"A2B0"] = to_pcs if to_pcs[:4] == b"mAB " else _without_matrix(to_pcs)
    usable = b"A2B0" in kept or b"kTRC" in kept or (b"rTRC" in kept and b"rXYZ" in kept)
    return kept if usable else None


def _cicp(tag: bytes | None) -> tuple[int, int] | None:
    """What browsers take of the tag: codes that they know, of RGB in full range."""
    if tag is None or tag[10:12] != b"\x00\x01" or not known(tag[8], tag[9]):
        return None
    return tag[8], tag[9]


def _curve(tag: bytes) -> int:
    """Bytes of the curve that the tag begins with; 0 where it is malformed."""
    if tag[:4] == b"curv":
        (entries,) = unpack_from(">I", tag, 8)
        length = 12 + 2 * int(entries)
        return length if length <= len(tag) else 0
    if tag[:4] != b"para":
        return 0
    (kind,) = unpack_from(">H", tag, 8)
    if kind >= len(_PARAMETERS):
        return 0
    numbers = [part / 65536 for part in unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)]
    return 12 + 4 * len(numbers) if _is_curve(kind, numbers) else 0


def _is_curve(kind: int, numbers: list[float]) -> bool:
    """Whether the numbers of a parametric curve are some that browsers compute with, in their precision."""
    values = [np.float32(each) for each in numbers]
    if not kind:
        return bool(values[0] >= 0)
    g, a, b = values[:3]
    if not a and kind <= _SHIFTED:
        return False
    c, d = values[3:5] if kind > _SHIFTED else (np.float32(0), -b / a)
    return bool(min(g, a, c, d) >= 0 and a * d + b >= 0)


def _table(tag: bytes, curved: bytes) -> bool:
    """Whether a table to or from PCS is whole: of 8 bits, of 16 bits, or of the kind `curved`."""
    inputs, outputs = tag[8], tag[9]
    if curved == b"mAB ":
        fits = outputs == _OUTPUTS and inputs <= _MOST_INPUTS
    else:
        fits = inputs == _OUTPUTS and _OUTPUTS <= outputs <= _MOST_INPUTS
    if not fits:
        return False
    if tag[:4] == curved:
        return _is_whole(tag, *((inputs, outputs) if curved == b"mAB " else (outputs, inputs)), inputs, outputs)
    entries, width, start = (256, 256), 1, 48
    if tag[:4] == b"mft2":
        first, last = unpack_from(">HH", tag, 48)
        entries, width, start = (first, last), 2, 52
    elif tag[:4] != b"mft1":
        return False
    if not inputs or tag[10] < 2 or not all(2 <= each <= _MOST_ENTRIES for each in entries):  # noqa: PLR2004
        return False
    numbers: int = inputs * entries[0] + outputs * entries[1] + outputs * tag[10] ** inputs
    return width * numbers <= len(tag) - start


def _is_whole(tag: bytes, device: int, pcs: int, inputs: int, outputs: int) -> bool:
    """Whether all the elements of a table of curves, matrix and grid are there, which say where they are."""
    at_b, at_matrix, at_m, at_grid, at_a = map(int, unpack_from(">5I", tag, 12))
    if not at_b or not _are_curves(tag, at_b, pcs) or bool(at_m) != bool(at_matrix) or bool(at_a) != bool(at_grid):
        return False
    if at_m and not (_are_curves(tag, at_m, pcs) and at_matrix + 48 <= len(tag)):
        return False
    if not at_a:
        return inputs == outputs
    if not _are_curves(tag, at_a, device) or at_grid + 20 > len(tag):
        return False
    points, width = tag[at_grid : at_grid + inputs], tag[at_grid + 16]
    if width not in {1, 2} or min(points, default=0) < 2:  # noqa: PLR2004  two corners
        return False
    return at_grid + 20 + width * outputs * math.prod(points) <= len(tag)


def _are_curves(tag: bytes, at: int, count: int) -> bool:
    for _ in range(count):
        length = _curve(tag[at:])
        if not length:
            return False
        at += (length + 3) & ~3
    return True


def _without_matrix(table: bytes) -> bytes:
    """The table with a matrix that does nothing: browsers read none there, and ICC.1 has it for XYZ alone."""
    return table[: _MATRIX.start] + _IDENTITY + table[_MATRIX.stop :]


def _written(icc: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """A profile of these tags, of the class of screens, whatever class it had: browsers do not look at that."""
    body, table = b"", b""
    for name, tag in tags.items():
        table += pack(">4sII", name, _TAGS + 12 * len(tags) + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    size = _TAGS + len(table) + len(body)
    return pack(">I", size) + icc[4:12] + b"mntr" + icc[16:128] + pack(">I", len(tags)) + table + body
