"""Which frames of an animation differ most from all others: those that are looked at whatever stands around them.

Frames are compared by *shape*: a frame scaled to a few pixels, most of its mean colour taken off and strong contrast
brought down. So a flash of plain colour is nearly like any other, and black and white stripes differ no more from a
photo than another photo does: whoever strobes to hide a frame must show as many different pictures as there is room.

As long as frames are like those before, as in a film without cuts, `limit` of them are kept. Each that is `WILD`, as
unlike all that are kept as a cut makes it, is kept beside these while there is `room`. Where there is none, a frame
that is shown longer stands out more: a picture that a viewer is to see cannot be brief.
"""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Sketch = NDArray[np.int16]
"""A frame scaled to a few pixels, ``int16[H,W,C]``: enough to tell a cut or a flash from a scene that goes on."""
Shape = NDArray[np.float32]
"""What is left of a sketch without most of its mean colour, ``float32[H*W*C]``."""

Kept = TypeVar("Kept")

CONTRAST = 32.0
"""Levels of 255: the standard deviation to which a stronger one is brought down. Most scenes have more."""
COLOUR = 0.03
"""The share of the mean colour that is left: any colour is news where nothing else is, and none is `WILD`."""
ALIKE = 0.25
"""Shapes that differ by no more, in levels on average, are of one frame: noise and the palette of a GIF make as much.

A thing that fills a seventh of the frame's width, and appears, makes 0.6 or more.
"""
WILD = 15.0
"""Shapes that differ by more have a cut between them. Unrelated scenes differ by 20 to 34, a thing that fills half
of the frame's width makes 10 to 19 where it appears, and a camera that pans across a tenth of the frame 11 to 18."""
BRIEF = 0.02
"""Seconds: the least that browsers show a frame. Each doubling counts for as much as another such difference."""


def shape_of(sketch: Sketch) -> Shape:
    """What a frame shows, nearly whatever its brightness and however strong its contrast; takes some 20 us."""
    levels = sketch.astype(np.float32)
    colour = levels.mean(axis=(0, 1))
    levels -= colour
    deviation = math.sqrt(float(np.square(levels).mean()))
    return np.asarray(levels * (CONTRAST / max(CONTRAST, deviation)) + COLOUR * colour).ravel()


class Novelty(Generic[Kept]):
    """Keeps, of frames that are offered in order, those that differ most from each other and from the anchors.

    They are `limit`, and up to `room` where more are `WILD`. Nothing is held of other frames, whatever their number.
    """

    def __init__(self, limit: int, room: int) -> None:
        self._limit = limit
        self._room = max(limit, room)
        self._frames: list[Kept | None] = []
        """None for an anchor."""
        self._shown: list[float] = []
        self._shapes: list[Shape] = []
        self._apart = np.zeros((0, 0), np.float32)
        """How far each of the frames is from each other, and infinity from itself."""
        self.missed = 0
        """How many `WILD` frames were let go for want of room."""

    @property
    def kept(self) -> list[Kept]:
        """The frames that are kept, in no order."""
        return [frame for frame in self._frames if frame is not None]

    def anchor(self, shape: Shape, shown: float = 0.0) -> None:
        """Note a frame that is looked at anyway: others like it are not novel."""
        self._add(shape, None, shown)

    def wants(self, shape: Shape, shown: float = 0.0) -> bool:
        """Whether this frame, `shown` for so many seconds, would be kept; call `keep` then."""
        apart = self._distances(shape)
        nearest = float(apart.min(initial=np.inf))
        if self._room and nearest > ALIKE and not self._is_full(nearest):
            return True
        if self._room and nearest > ALIKE and nearest * _weight(shown) > float(self._worth().min()):
            return True
        self._let_go(apart, shown)
        return False

    def keep(self, shape: Shape, frame: Kept, shown: float = 0.0) -> None:
        """Keep a frame; when there are too many, the one that stands out least makes room."""
        self._add(shape, frame, shown)
        least = int(self._worth().argmin())
        apart = self._apart[least]
        if len(self.kept) > self._room or (len(self.kept) > self._limit and apart.min() <= WILD):
            self._let_go(apart, self._shown[least])
            del self._frames[least], self._shown[least], self._shapes[least]
            self._apart = np.delete(np.delete(self._apart, least, 0), least, 1)

    def _is_full(self, nearest: float) -> bool:
        """Whether a frame so far from the nearest is kept only in another's place."""
        return len(self.kept) >= (self._room if nearest > WILD else self._limit)

    def _worth(self) -> NDArray[np.float32]:
        """How much each frame stands out; anchors, which stay, infinitely."""
        nearest = self._apart.min(axis=1)
        nearest[[frame is None for frame in self._frames]] = np.inf
        return np.asarray(nearest * np.array([_weight(shown) for shown in self._shown], np.float32))

    def _let_go(self, apart: NDArray[np.float32], shown: float) -> None:
        """Add the time that a frame was shown to the one most like it."""
        if len(apart):
            self._shown[int(apart.argmin())] += shown
            self.missed += bool(apart.min() > WILD)

    def _distances(self, shape: Shape) -> NDArray[np.float32]:
        if not self._shapes:
            return np.zeros(0, np.float32)
        return np.asarray(np.abs(np.stack(self._shapes) - shape).mean(axis=1))

    def _add(self, shape: Shape, frame: Kept | None, shown: float) -> None:
        apart = self._distances(shape)
        self._apart = np.block([[self._apart, apart[:, None]], [apart[None], np.full((1, 1), np.inf, np.float32)]])
        self._frames.append(frame)
        self._shown.append(shown)
        self._shapes.append(shape)


def _weight(shown: float) -> float:
    return 1.0 + math.log2(max(1.0, shown / BRIEF))
