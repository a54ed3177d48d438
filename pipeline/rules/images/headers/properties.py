"""What an AVIF says of the picture that is shown: its colours and its crop, by the properties of its item or track.

Sources: ISO/IEC 23008-12, 9.3 (``ipma``); 14496-12, 8.11.4 (``pitm``), 12.1.5 (``colr``) and 12.1.4 (``clap``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import error, unpack_from

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.av1 import Stream

MAX_ASSOCIATIONS = 200_000
"""Bytes that say which properties items have: a tile takes about 10."""
_SLACK, _SHARE = 8, 16
"""Pixels, and the part of a side, that a crop may cut off: encoders pad pictures to even or to whole blocks."""
_UNSPECIFIED = 2
_LIKE_SRGB = {1, _UNSPECIFIED}, {1, _UNSPECIFIED, 6, 13, 14, 15}
"""H.273's codes of primaries and of transfer that browsers show as sRGB."""

_Place = tuple[int, int]
"""Where the body of a box begins and ends."""
_Property = tuple[bytes, int, int]


@dataclass
class Properties:
    """What the boxes that tell of pictures hold. A track's are those of its sample entries."""

    primary: _Place | None = None
    items: list[_Property] = field(default_factory=list)
    """By their numbers, which begin at 1."""
    associations: list[_Place] = field(default_factory=list)
    track: list[_Property] = field(default_factory=list)

    def primary_number(self, data: bytes) -> int:
        """The number of the primary item, or 0."""
        start, stop = self.primary or (0, 0)
        version = data[start : start + 1]
        return int.from_bytes(data[start + 4 : min(stop, start + (6 if version == b"\x00" else 8))], "big")

    def shown(self, data: bytes) -> list[_Property]:
        """Those of what is shown: of the track where the first brand says so, else of the primary item."""
        if self.track and data[8:12] == b"avis":
            return self.track
        if self.primary is None:
            return []
        wanted = self.primary_number(data)
        if sum(stop - start for start, stop in self.associations) > MAX_ASSOCIATIONS:
            raise ItemError(Reason.TOO_MUCH_WORK, f"AVIF: over {MAX_ASSOCIATIONS:,} bytes on what belongs to items")
        numbers = (number for place in self.associations for number in _associated(data, place, wanted))
        return [self.items[number - 1] for number in numbers if 0 < number <= len(self.items)]


def _associated(data: bytes, place: _Place, wanted: int) -> Iterator[int]:
    """The numbers of the properties that an ``ipma`` box gives to an item."""
    at, stop = place
    name_width, width = 4 if data[at] else 2, 2 if data[at + 3 : at + 4] == b"\x01" else 1
    at += 8
    while at + name_width < stop:
        item, count = int.from_bytes(data[at : at + name_width], "big"), data[at + name_width]
        at += name_width + 1
        if item == wanted:
            for each in range(at, min(at + count * width, stop), width):
                yield int.from_bytes(data[each : each + width], "big") & (1 << 8 * width - 1) - 1
        at += count * width


def cicp_of(data: bytes, shown: list[_Property], streams: list[Stream]) -> tuple[int, int] | None:
    """H.273's codes of primaries and transfer: of the first ``colr`` with any, else of the streams; None is sRGB's.

    Raises `ItemError` where it cannot be told whose count, which no encoder is known to leave open.
    """
    said = [
        (int.from_bytes(data[start + 4 : start + 6], "big"), int.from_bytes(data[start + 6 : start + 8], "big"))
        for name, start, stop in shown
        if name == b"colr" and data[start : start + 4] == b"nclx" and stop - start >= 10  # noqa: PLR2004
    ]
    codes = {each if _is_unusual(each) else None for each in said or [stream.cicp for stream in streams]}
    if len(codes) > 1:
        raise ItemError(Reason.DECODE_FAILED, "AVIF: streams or properties of different colours")
    return codes.pop() if codes else None


def _is_unusual(cicp: tuple[int, int]) -> bool:
    return cicp[0] not in _LIKE_SRGB[0] or cicp[1] not in _LIKE_SRGB[1]


def check_crop(data: bytes, shown: list[_Property], size: tuple[int, int]) -> None:
    """Refuse a picture of (width, height) that a ``clap`` crops: some browsers do so, others show it all."""
    sizes = (start for name, start, stop in shown if name == b"ispe" and stop - start >= 12)  # noqa: PLR2004
    whole = next((unpack_from(">II", data, start + 4) for start in sizes), size)
    for name, start, _ in shown:
        if name == b"clap" and not _is_nearly(whole, data[start : start + 16]):
            raise ItemError(Reason.DECODE_FAILED, "AVIF: a crop (clap) that not every viewer makes")


def check_turns(shown: list[_Property]) -> None:
    """Refuse a picture that is mirrored before it is turned: some viewers go by this order, and others turn it first.

    Encoders turn first, as MIAF (23000-22, 7.3.6.7) asks of them.
    """
    turns = [name for name, _, _ in shown if name in {b"irot", b"imir"}]
    if turns not in ([], [b"irot"], [b"imir"], [b"irot", b"imir"]):
        raise ItemError(Reason.DECODE_FAILED, "AVIF: mirrored before it is turned, which viewers show differently")


def _is_nearly(whole: tuple[int, ...], crop: bytes) -> bool:
    """Whether the width and height that a ``clap`` begins with, two fractions, leave a picture as it is."""
    try:
        across, across_of, down, down_of = unpack_from(">4I", crop)
        kept = (across / across_of, down / down_of)
    except (error, ZeroDivisionError):
        return False
    return all(0 <= side - part <= min(_SLACK, side / _SHARE) for side, part in zip(whole, kept, strict=True))
