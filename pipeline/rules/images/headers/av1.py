"""How large the pictures in an AVIF really are, and their colours, by their AV1 streams, whatever the boxes say.

libavif decodes a picture whose boxes say 100 x 100 at the size of its stream, and scales it afterwards. Sources: AV1
bitstream specification, 5.3 to 5.5; ISO/IEC 14496-12, 8.7.5 (``stco``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_CHUNKS = 5_000
"""Places in tracks that are looked at; each costs some microseconds."""
_MAX_UNITS = 50
_SEQUENCE, _DELIMITER, _METADATA, _PADDING = 1, 2, 5, 15
_IN_FRONT = {_DELIMITER, _METADATA, _PADDING}
"""Units that may come before the sequence header."""


_UNSPECIFIED = (2, 2)


@dataclass(frozen=True, slots=True)
class Stream:
    """What an AV1 stream's sequence header says: (width, height), and H.273's codes of primaries and transfer."""

    size: tuple[int, int]
    cicp: tuple[int, int] = _UNSPECIFIED


def streams(data: bytes, places: Iterable[int]) -> list[Stream]:
    """The AV1 streams that begin at those places."""
    found = (stream(data, at) for at in places)
    return [each for each in found if each is not None]


def chunk_places(data: bytes, start: int, width: int) -> Iterator[int]:
    """Where each chunk of a track begins; `width` is 4 for ``stco`` and 8 for ``co64``."""
    count = min(int.from_bytes(data[start + 4 : start + 8], "big"), len(data) // width)
    for index in range(count):
        at = start + 8 + index * width
        yield int.from_bytes(data[at : at + width], "big")


def stream(data: bytes, at: int) -> Stream | None:
    """What the sequence header at or soon after `at` says; None where there is none."""
    for _ in range(_MAX_UNITS):
        if at >= len(data):
            break
        head = data[at]
        kind, at = head >> 3 & 15, at + 1 + (head >> 2 & 1)
        length = len(data) - at
        if head & 2:
            length, at = _leb128(data, at)
        if kind == _SEQUENCE:
            return _described(data[at : at + min(length, 256)])
        if kind not in _IN_FRONT:
            break
        at += length
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * index
        if byte < 128:  # noqa: PLR2004
            return value, at + index + 1
    return value, at + 8


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def __call__(self, count: int) -> int:
        self._left -= count
        return self._value >> self._left & (1 << count) - 1 if self._left >= 0 else 0


def _described(header: bytes) -> Stream:
    """What a sequence header says, in which everything before its colours must be read."""
    bits = _Bits(header)
    profile = bits(3)
    bits(1)
    reduced = bits(1)  # as stills have it
    if reduced:
        bits(5)
    else:
        _skip_operating_points(bits)
    across, down = bits(4) + 1, bits(4) + 1
    size = (bits(across) + 1, bits(down) + 1)
    if not reduced and bits(1):  # frames have ids
        bits(7)
    bits(3)
    if not reduced:
        _skip_tools(bits)
    bits(3)
    if bits(1) and profile == 2:  # noqa: PLR2004  more than 8 bits, and perhaps 12
        bits(1)
    if profile != 1:
        bits(1)
    return Stream(size, (bits(8), bits(8))) if bits(1) else Stream(size)


def _skip_tools(bits: _Bits) -> None:
    bits(4)
    ordered = bits(1)
    bits(2 * ordered)
    screen_content = bits(1) or bits(1)
    if screen_content and not bits(1):
        bits(1)
    bits(3 * ordered)


def _skip_operating_points(bits: _Bits) -> None:
    model = delay = 0
    if bits(1):  # timing
        bits(64)
        if bits(1):
            zeros = 0
            while not bits(1) and zeros < 32:  # noqa: PLR2004  an exponential Golomb code
                zeros += 1
            bits(zeros)
        if bits(1):
            delay = bits(5) + 1
            bits(42)
            model = 1
    shown_late = bits(1)
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:  # noqa: PLR2004  levels from 4.0 on have a tier
            bits(1)
        if model and bits(1):
            bits(2 * delay + 1)
        if shown_late and bits(1):
            bits(4)
