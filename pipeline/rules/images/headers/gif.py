"""GIF: a walk over its blocks, which finds the frames without decoding any.

Pillow gets one frame at a time, written anew as a GIF of its own. In a whole file it takes other blocks for frames
than browsers do, lets a frame that says nothing of its disposal have that of the one before, clears to a colour
instead of to nothing, and enlarges the canvas for any frame. Source: GIF89a specification, sections 15 to 27; where
that leaves it open, Wuffs, by which Chromium decodes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.disposal import Disposal
from pipeline.rules.images.headers.stored import Stored
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying, looking

MAX_BLOCKS = 500_000
"""Blocks of up to 255 bytes: an image of 50 MB has less than half as many. The walk takes a microsecond for each."""
BLOCK = 1.2e-6
BYTE = 15e-9
"""Seconds for a coded byte, of which one code after another is taken."""
PIXEL = 5e-9
"""Seconds for a pixel of a frame, for palette and pasting."""
CANVAS, MIXED_CANVAS = 4e-9, 9e-9
"""Seconds, for each frame, for a pixel of the canvas, which the frame may replace. It is dearer in full colour: where
frames are transparent or have palettes of their own."""
FRAME = 0.2e-3
CANVAS_COPIES = 4
"""Canvases that are in memory at a time: the canvas, what is thrown away, a frame and its colours."""

_SCREEN = 13
_TRAILER, _EXTENSION, _IMAGE, _CONTROL = 0x3B, 0x21, 0x2C, 0xF9
_CONTROL_LENGTH = 4
_INTERLACED = 0x40
_LOOPS = (b"\xff\x0bNETSCAPE2.0\x00", b"\xff\x0bANIMEXTS1.0\x00")
"""Extensions that are to say how often an animation plays, and end before they do."""


_DISPOSALS = {2: Disposal.CLEARED, 3: Disposal.TAKEN_BACK, 4: Disposal.TAKEN_BACK}
"""By the control's three bits; 4 is what some encoders write for 3, and all others let the frame stay."""


@dataclass(frozen=True, slots=True)
class Control:
    """What a graphic control says of the frame behind it. `delay` is in hundredths of a second."""

    disposal: Disposal = Disposal.STAYS
    delay: int = 0
    transparent: int | None = None


_NO_CONTROL = Control()


@dataclass(frozen=True, slots=True)
class GifFrame:
    """One frame, at `left` and `top` of the canvas."""

    left: int
    top: int
    size: tuple[int, int]
    interlaced: bool
    palette: bytes
    """Its own, else that of all frames, which may be none."""
    has_own_palette: bool
    control: Control
    start: int
    """Where its coded pixels are in the file, from `start` to `end`."""
    end: int

    def alone(self, data: bytes) -> bytes:
        """A GIF of this frame alone, of the file's `data`."""
        colours = 0x80 | (len(self.palette) // 3).bit_length() - 2 if self.palette else 0
        parts = [b"GIF89a", struct.pack("<HHBBB", *self.size, colours, 0, 0), self.palette]
        if self.control.transparent is not None:
            clear = self.control.transparent
            parts.append(struct.pack("<BBBBHBB", _EXTENSION, _CONTROL, _CONTROL_LENGTH, 1, 0, clear, 0))
        parts.append(struct.pack("<BHHHHB", _IMAGE, 0, 0, *self.size, _INTERLACED if self.interlaced else 0))
        return b"".join([*parts, memoryview(data)[self.start : self.end]])

    def covers(self, canvas: tuple[int, int]) -> bool:
        """Whether nothing of the canvas is left beside it."""
        return not (self.left or self.top) and self.size == canvas

    @property
    def shows_through(self) -> bool:
        """Whether something may shine through it, or through what is left of it."""
        return self.control.transparent is not None or self.control.disposal is not Disposal.STAYS


def gif_frames(data: bytes) -> Iterator[GifFrame]:
    """The frames of a GIF in their order. Raises `ItemError` for too many blocks."""
    return _Walk(data).frames()


def read_gif(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large, too much work, or holds no picture.

    The canvas is the screen, or as large as the first frame where that reaches beyond it; others are cut off there.
    """
    walk = _Walk(data)
    first, count, area, largest, mixed = None, 0, 0, 0, False
    for frame in walk.frames():
        check_size("GIF", frame.size, max_pixels)
        first = first or frame
        pixels = frame.size[0] * frame.size[1]
        count, area, largest = count + 1, area + pixels, max(largest, pixels)
        mixed |= frame.shows_through or frame.has_own_palette
    if first is None:
        raise ItemError(Reason.TRUNCATED, f"GIF: no picture in its {len(data):,} bytes")
    canvas = max(_number(data, 6), first.left + first.size[0]), max(_number(data, 8), first.top + first.size[1])
    check_size("GIF", canvas, max_pixels)
    pixels = canvas[0] * canvas[1]
    name = f"GIF of {canvas[0]:,} x {canvas[1]:,} pixels"
    seconds = walk.blocks * BLOCK + len(data) * BYTE + area * PIXEL
    if count == 1 and first.covers(canvas):
        seconds += copying(canvas, converted=True, turned=False, fast=fast)
        memory = pixels + copies(canvas, converted=True, turned=False, fast=fast)
        return Stored(first.alone(data), canvas, Work(seconds, memory, name))
    seconds += count * (pixels * (MIXED_CANVAS if mixed else CANVAS) + FRAME)
    seconds += looking(canvas, count, translucent=mixed or not first.covers(canvas))
    name += f" in {count:,} frames" if count > 1 else ""
    work = Work(seconds, max(pixels, largest) * PILLOW_PIXEL * CANVAS_COPIES, name)
    return Stored(data, canvas, work, count, composed=True)


class _Walk:
    """Goes over the blocks of a GIF once, and counts them in `blocks`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.blocks = 0

    def frames(self) -> Iterator[GifFrame]:
        data, at = self._data, _SCREEN + _palette(self._data[10:11])
        shared, control = data[_SCREEN:at], _NO_CONTROL
        while at < len(data) and data[at] != _TRAILER:
            kind = data[at]
            at += 1
            self._count()  # empty extensions too, and what is skipped because nobody knows it
            if kind == _EXTENSION:
                if data.startswith(_LOOPS, at):  # Chromium takes what follows for a part of it, others do not
                    raise ItemError(Reason.DECODE_FAILED, "GIF: an application extension ends before its block")
                control = _control(data[at : at + 6]) or control
                at = self._behind_blocks(at + 1)
            elif kind == _IMAGE:
                start = at + 9 + _palette(data[at + 8 : at + 9])
                end = self._behind_blocks(start + 1)
                yield _frame(data, at, (start, end), shared, control)
                at, control = end, _NO_CONTROL

    def _behind_blocks(self, at: int) -> int:
        """Where the blocks of up to 255 bytes end that begin at `at`; an empty one is the last."""
        data = self._data
        while at < len(data):
            length = data[at]
            at += 1 + length
            if not length:
                break
            self._count()
        return at

    def _count(self) -> None:
        self.blocks += 1
        if self.blocks > MAX_BLOCKS:
            raise ItemError(Reason.TOO_MUCH_WORK, f"GIF: over {MAX_BLOCKS:,} blocks")


def _frame(data: bytes, at: int, coded: tuple[int, int], shared: bytes, control: Control) -> GifFrame:
    """The frame whose descriptor begins at `at`, behind its mark."""
    start, end = coded
    own = data[at + 9 : start]
    return GifFrame(
        left=_number(data, at),
        top=_number(data, at + 2),
        size=(_number(data, at + 4), _number(data, at + 6)),
        interlaced=bool(data[at + 8 : at + 9] and data[at + 8] & _INTERLACED),
        palette=own or shared,
        has_own_palette=bool(own),
        control=control,
        start=start,
        end=end,
    )


def _control(extension: bytes) -> Control | None:
    """What an extension that starts so says, or None where it is no graphic control.

    One that is longer than it may be counts by its first four bytes; Chromium shows no frame behind such a one.
    """
    if len(extension) < 2 + _CONTROL_LENGTH or extension[0] != _CONTROL or extension[1] < _CONTROL_LENGTH:
        return None
    flags = extension[2]
    disposal = _DISPOSALS.get(flags >> 2 & 7, Disposal.STAYS)
    return Control(disposal, _number(extension, 3), extension[5] if flags & 1 else None)


def _palette(flags: bytes) -> int:
    """Bytes of the palette that a screen's or a frame's flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")
