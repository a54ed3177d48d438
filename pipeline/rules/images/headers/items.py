"""Where the items of an AVIF or HEIC lie, which may be in pieces, and what they begin with.

Sources: ISO/IEC 14496-12, 8.11.3 (``iloc``), 8.11.6 (``infe``) and 8.11.11 (``idat``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from struct import error, unpack_from

from pipeline.errors import ItemError, Reason

MAX_ITEMS = 5_000
"""Items that are looked at. A grid has at most some hundred tiles in practice; each costs some microseconds."""
MAX_PIECES = 20_000
"""Pieces of all items together: a file may announce 65,535 of an item without a byte for any."""
HEAD = 4_096
"""Bytes that are put together of an item: a picture's sequence header is among its first."""

MAX_ALTERNATIVES = 5_000
"""Pictures that are named as alternatives to each other, together; cameras name two."""

_IN_FILE, _IN_BOX = 0, 1
"""From where places are counted: from the file's first byte, or from that of the ``idat`` box."""

Place = tuple[int, int]
"""Where something begins and ends."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item by its number, and its pieces in their order."""

    number: int
    pieces: tuple[Place, ...]

    def head(self, data: bytes) -> bytes:
        """Its first bytes, up to `HEAD`."""
        found = b""
        for start, stop in self.pieces:
            found += data[start : min(stop, start + HEAD - len(found))]
            if len(found) >= HEAD:
                break
        return found


@dataclass
class Items:
    """What the boxes in a file's ``meta`` box say of its items; `name` is the file's format."""

    name: str
    located: list[int] = field(default_factory=list)
    """Where ``iloc`` boxes are."""
    held: Place | None = None
    """Where the ``idat`` box is."""
    kinds: dict[int, set[bytes]] = field(default_factory=dict)
    """What the items are said to be, by their numbers."""
    refers_widely: bool = False
    """Whether ``iref`` gives numbers of four bytes."""
    made_of: dict[int, set[int]] = field(default_factory=dict)
    """The first item that others are made of, by the numbers of those."""
    alternatives: list[Place] = field(default_factory=list)
    """Where the numbers of items are listed, of four bytes each, of which a viewer may take any."""

    def are(self, kind: bytes) -> set[int]:
        """The numbers of the items that are of a kind, such as ``av01``."""
        return {number for number, kinds in self.kinds.items() if kind in kinds}

    def of_kind(self, data: bytes, kind: bytes) -> Iterator[Item]:
        """Those of which it is said where they are. Raises `ItemError` for too many pieces."""
        wanted = self.are(kind)
        for start in self.located if wanted else ():
            found = islice(_items(self.name, data, start, self.held), MAX_ITEMS)
            yield from (item for item in found if item.number in wanted)


def check_alternatives(data: bytes, items: Items, primary: int) -> None:
    """Refuse pictures that are alternatives to each other: Chromium shows the first, and others the primary one.

    A gain map's ``tmap`` item, as phones write it, is made of the primary one, and is the same picture.
    """
    name = items.name
    if sum(stop - start for start, stop in items.alternatives) > 4 * MAX_ALTERNATIVES:
        raise ItemError(Reason.TOO_MUCH_WORK, f"{name}: over {MAX_ALTERNATIVES:,} pictures to choose from")
    pictures = items.kinds.keys() - items.are(b"tmap")
    for start, stop in items.alternatives:
        listed = {int.from_bytes(data[at : at + 4], "big") for at in range(start, stop, 4)}
        if len(listed & pictures) > 1:
            raise ItemError(Reason.DECODE_FAILED, f"{name}: two pictures of which viewers show one or the other")
    for number in items.are(b"tmap"):
        if items.made_of.get(number, set()) - {primary}:
            raise ItemError(Reason.DECODE_FAILED, f"{name}: a gain map for another picture than the one to be shown")


def made_of(data: bytes, start: int, *, wide: bool) -> tuple[int, int]:
    """What a ``dimg`` box says: the number of the item that is made, and of the first that it is made of."""
    made, at = _number(data, start, 4 if wide else 2)
    return made, _number(data, at + 2, 4 if wide else 2)[0]


def named(data: bytes, start: int) -> tuple[int, int]:
    """The number of the item that an ``infe`` box tells of, and where its kind stands."""
    wide = data[start : start + 1] == b"\x03"
    return int.from_bytes(data[start + 4 : start + (8 if wide else 6)], "big"), start + (10 if wide else 8)


def _items(name: str, data: bytes, start: int, box: Place | None) -> Iterator[Item]:
    """The items in an ``iloc`` box; `start` is behind the box's own header."""
    pieces = 0
    try:
        version, sizes, more, count = unpack_from(">BxxxBBH", data, start)
        at = start + 8
        if version == 2:  # noqa: PLR2004
            (count,) = unpack_from(">I", data, start + 6)
            at += 2
        offset, length, base, index = sizes >> 4, sizes & 15, more >> 4, (more & 15) * (version > 0)
        for _ in range(count):
            number, at = _number(data, at, 4 if version == 2 else 2)  # noqa: PLR2004
            method, at = _number(data, at, 2 * (version > 0))
            from_there, at = _number(data, at + 2, base)
            (extents,) = unpack_from(">H", data, at)
            pieces += extents
            if pieces > MAX_PIECES:
                raise ItemError(Reason.TOO_MUCH_WORK, f"{name}: items in over {MAX_PIECES:,} pieces")
            at += 2
            found = [
                _piece(data, each + index, offset, length)
                for each in range(at, at + extents * (index + offset + length), index + offset + length or 1)
            ]
            at += extents * (index + offset + length)
            whole = {_IN_FILE: (0, len(data)), _IN_BOX: box}.get(method & 15)
            if whole is not None:
                yield Item(number, tuple(_within(whole, from_there + where, size) for where, size in found))
    except error:
        return


def _number(data: bytes, at: int, width: int) -> tuple[int, int]:
    """The number in so many bytes, and where they end."""
    return int.from_bytes(data[at : at + width], "big"), at + width


def _piece(data: bytes, at: int, offset: int, length: int) -> Place:
    where, at = _number(data, at, offset)
    return where, _number(data, at, length)[0]


def _within(whole: Place, where: int, size: int) -> Place:
    """A piece of `size` bytes that begins at `where` of the whole; of none that are said, all that follow."""
    start = min(whole[0] + where, whole[1])
    return start, min(start + size, whole[1]) if size else whole[1]
