"""APNG: its frames one by one, each of which can be written as a PNG of its own.

Pillow gets one frame at a time. In a whole file it mixes translucent colours with what is under them otherwise than
browsers do, and forgets what was under a frame that is taken back. Source: PNG, third edition, 11.3.6.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.disposal import Disposal

_START = 33
"""Bytes of the signature and the header chunk."""
_CONTROL = struct.Struct(">IIIIIHHBB")
_DISPOSALS = (Disposal.STAYS, Disposal.CLEARED, Disposal.TAKEN_BACK)
_OVER = 1
_USUAL_PARTS = 100
"""The parts of a second in which a delay is given that names none."""

_Chunk = tuple[bytes, bytes | memoryview]
"""Name and bytes."""


@dataclass(slots=True)
class ApngFrame:
    """One frame, at `left` and `top` of the canvas."""

    size: tuple[int, int]
    left: int = 0
    top: int = 0
    milliseconds: float = 0.0
    disposal: Disposal = Disposal.STAYS
    over: bool = False
    """Whether it is laid over what is there, where it is translucent, instead of in its place."""
    is_default: bool = False
    """Whether it is no part of the animation, but what those show who play none."""
    coded: list[memoryview] = field(default_factory=list)
    """Its compressed pixels."""


@dataclass
class Apng:
    """An APNG that has just the chunks that its pixels need."""

    data: bytes
    _palettes: list[_Chunk] = field(default_factory=list)
    """PLTE and tRNS, which all frames have in common."""

    @property
    def size(self) -> tuple[int, int]:
        """Of the canvas."""
        width, height = struct.unpack_from(">II", self.data, 16)
        return width, height

    def alone(self, frame: ApngFrame) -> bytes:
        """A PNG of this frame alone."""
        header = struct.pack(">II", *frame.size) + self.data[24 : _START - 4]
        pixels = b"".join(frame.coded)
        chunks: list[_Chunk] = [(b"IHDR", header), *self._palettes, (b"IDAT", pixels), (b"IEND", b"")]
        return self.data[:8] + b"".join(_chunk(name, body) for name, body in chunks)

    def frames(self) -> Iterator[ApngFrame]:
        """In their order. Raises `ItemError` where they are not as they must be: viewers differ on such a file."""
        frame: ApngFrame | None = None
        still: ApngFrame | None = None
        number = 0
        for name, body in self._chunks():
            if name in {b"fcTL", b"fdAT"}:
                _require(body[:4] == number.to_bytes(4, "big"), "frames out of sequence")
                number += 1
            if name in {b"PLTE", b"tRNS"}:
                self._palettes.append((name, body))
            elif name == b"fcTL":
                if frame is not None:
                    yield _whole(frame)
                frame = self._controlled(body)
            elif name == b"IDAT":
                frame = frame or ApngFrame(self.size, is_default=True)
                still = still or frame
                _require(still is frame and frame.size == self.size, "a still that is not the first frame")
                frame.coded.append(body)
            elif name == b"fdAT":
                if frame is None or still is None or frame is still:
                    raise _refused("pixels that belong to no frame")
                frame.coded.append(body[4:])
        if frame is None or still is None:
            raise _refused("no still")
        yield _whole(frame)

    def _chunks(self) -> Iterator[tuple[bytes, memoryview]]:
        view, at = memoryview(self.data), _START
        while at + 12 <= len(self.data):
            length = int.from_bytes(self.data[at : at + 4], "big")
            yield self.data[at + 4 : at + 8], view[at + 8 : at + 8 + length]
            at += 12 + length

    def _controlled(self, body: memoryview) -> ApngFrame:
        """The frame that a frame control announces."""
        _require(len(body) == _CONTROL.size, "a frame control of another length")
        _, width, height, left, top, parts, of, disposal, blend = _CONTROL.unpack(body)
        across, down = self.size
        _require(width and height and left + width <= across and top + height <= down, "a frame beyond the canvas")
        _require(disposal < len(_DISPOSALS) and blend <= _OVER, "a frame that is drawn in no known way")
        milliseconds = 1000 * parts / (of or _USUAL_PARTS)
        return ApngFrame((width, height), left, top, milliseconds, _DISPOSALS[disposal], blend == _OVER)


def _whole(frame: ApngFrame) -> ApngFrame:
    _require(bool(frame.coded), "a frame without pixels")
    return frame


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise _refused(otherwise)


def _refused(why: str) -> ItemError:
    return ItemError(Reason.DECODE_FAILED, f"PNG: {why}")


def _chunk(name: bytes, body: bytes | memoryview) -> bytes:
    return struct.pack(">I", len(body)) + name + bytes(body) + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))
