"""What the eye adds up of frames that follow each other faster than it can tell them apart.

A picture cut into slits, of which each frame shows one, is in no frame and is seen all the same. So brief frames are
averaged over a moment, and the contrast that this costs is given back: of eight slits on black or on white, as of the
fields of a chessboard in turn, it gives the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.items import Pixels

BRIEF = 0.04
"""Seconds: a frame that is shown longer is seen by itself. All frames of a film of 25 a second or more are brief;
what moves in it is blurred by the average, and all else is as in the frames."""
MOMENT = 0.31
"""Seconds that are averaged, or a little more: at 20 ms, the least that browsers show a frame, that is 16 frames, in
which 2, 4, 8 or 16 slits come as often as each other."""
UNLIKE = 10.0
"""Levels of 255: an average that differs by less from the last frame shows nothing that the frame does not.

Of a picture in eight slits it differs by some 20, of one on two chessboards by 50, in a slow pan by 3 to 8."""
DARKEST, LIGHTEST = 1, 99
"""Percentiles of an average that become black and white."""


class Fusing:
    """Averages the frames that are added, one moment after the other; holds one sum and one frame."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """How long the frames were shown that `take` would average."""
        self._sum: NDArray[np.float32] | None = None
        self._last: Pixels | None = None

    def add(self, frame: Pixels, shown: float) -> None:
        """Add a frame, ``uint8[H,W,3]`` of one size for all, that was `shown` for so many seconds."""
        part = np.multiply(frame, shown, dtype=np.float32)
        self._sum = part if self._sum is None else self._sum + part
        self._last = frame
        self.seconds += shown

    def take(self) -> Pixels | None:
        """The average of what was added since the last call, None where it shows nothing that the frames do not."""
        total, last, seconds = self._sum, self._last, self.seconds
        self._sum, self._last, self.seconds = None, None, 0.0
        if total is None or last is None:
            return None
        mean = total / np.float32(seconds)
        return None if float(np.abs(mean - last).mean()) <= UNLIKE else stretched(mean)


def stretched(mean: NDArray[np.float32]) -> Pixels:
    """The same with all of its contrast: all colours by one scale, so that none becomes another."""
    darkest, lightest = np.percentile(mean[::2, ::2], (DARKEST, LIGHTEST))
    return np.asarray(np.clip((mean - darkest) * (255 / max(1.0, lightest - darkest)), 0, 255), np.uint8)
