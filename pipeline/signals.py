"""Signals: what is known of one image's content, and what made it known.

An item carries them, caches keep them, and policies are judged by them alone, so that a policy edit asks nothing of
the image itself. A view is one small picture that the model was shown; an image has one or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pipeline.wire import ModelRef, Region, Turned

Features = NDArray[np.float32]
"""``float32[D]`` of one view or sentence, or ``float32[N,D]`` of N; each of length 1."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of the picture as a viewer shows it."""

REGION = np.dtype([("frame", "<u4"), ("box", "<f4", (4,))])
"""Where a view was taken: the frame's index in the file, from 0, and a `Box`."""
Regions = NDArray[np.void]
"""``REGION[V]``, one for each view: 20 bytes a view."""

PDQ = np.dtype([("hash", "<u8", (4,)), ("quality", "u1")])
"""A PDQ hash, its first bits highest in its first word, and how much of a picture there is to tell it by, to 100."""
Pdqs = NDArray[np.void]
"""``PDQ[P]``: of the first frame as a viewer shows it, on black and on white where it is transparent."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
BOX_DIGITS = 4
"""Digits kept of a box in decisions: four are a tenth of a pixel in a picture 1,000 pixels wide."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made signals: the model, and the preprocessing that made pixels of bytes."""

    model: ModelRef
    preprocess: str


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What is known of one image; ``features`` and ``regions`` are of the same V views in the same order."""

    features: Features
    """``float32[V,D]``, L2-normalised, of values that float16 can hold: the archive keeps what was judged."""
    regions: Regions
    made_by: Provenance
    unseen: int = 0
    """Frames of an animation that are unlike all that were looked at, and for which there was no room."""
    closer: Closer | None = None
    """What a second look saw, which caches do not keep; None without one."""
    content_sha256: str = ""
    """Of the image's bytes, in hex; empty where it is not known, and of a second look."""
    pdq: Pdqs | None = None
    """None where it was not asked for."""

    @property
    def frames(self) -> int:
        """How many of the file's frames were looked at."""
        return frames_in(self.regions)

    @property
    def nbytes(self) -> int:
        return self.features.nbytes + self.regions.nbytes + (0 if self.pdq is None else self.pdq.nbytes)

    def region(self, view: int) -> Region:
        """Where a view was taken, with a box of `BOX_DIGITS` digits, as decisions give it."""
        frame, box = self.regions[view].item()
        left, top, right, bottom = (round(float(edge), BOX_DIGITS) for edge in box)
        return Region(frame, (left, top, right, bottom))


@dataclass(frozen=True, slots=True, eq=False)
class Closer(Signals):
    """The views of a second look at an image. They count from a stiffer score on than those of the first."""

    turned: tuple[Turned | None, ...] = ()
    """How each view was turned before the model saw it."""
    bar: float = 1.0
    """The least score of a policy that counts of them."""

    def region(self, view: int) -> Region:
        """As of `Signals`, and how the view was turned."""
        return replace(Signals.region(self, view), turned=self.turned[view])


def regions_of(boxes: Sequence[Box]) -> Regions:
    """The regions of views of a file's first frame; `boxes` are fractions of the picture as shown."""
    regions = np.zeros(len(boxes), REGION)
    regions["box"] = np.array(boxes, np.float32).reshape(-1, 4)
    return regions


def frames_in(regions: Regions) -> int:
    """How many frames these views were taken from."""
    return len(set(regions["frame"].tolist()))
