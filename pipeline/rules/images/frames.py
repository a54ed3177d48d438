"""Which frames of an animation are looked at, so that one bad frame among many cannot hide.

There are two rules, and each finds what the other misses. *Spread* takes one frame from each of k equal stretches, at
a place in it that is drawn from the content's own hash, so that it repeats on replay but moves when a frame is
inserted. *Novelty* takes, of all frames (they must be decoded in order anyway), those least like the ones already
kept: a single odd frame among thousands of similar ones is the most novel of all, wherever it stands and however
briefly it shows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Sketch = NDArray[np.int16]
"""A frame scaled to a few pixels, ``int16[...]``: enough to tell a cut or a flash from a scene that goes on."""

Kept = TypeVar("Kept")
Scalar = TypeVar("Scalar", bound=np.generic)

LEAST_FRAMES = 4
"""Frames of an animation that are looked at, however many views each has; then only `some` views of each are."""


def frames_for(max_frames: int, max_views: int, views: int) -> int:
    """How many frames of an animation are looked at, where each has `views` views.

    As many as `max_views` views allow, but at least `LEAST_FRAMES`, and never more than `max_frames`.
    """
    return min(max_frames, max(LEAST_FRAMES, max_views // views))


def some(views: NDArray[Scalar], most: int, turn: int = 0) -> NDArray[Scalar]:
    """At most `most` views of a frame, evenly spread; another `turn`, such as the next frame's, chooses others.

    The choice depends on the number of views alone, so that it is the same for their pixels and their regions.
    """
    count = len(views)
    if count <= most:
        return views
    chosen = {(turn + index * count // most) % count for index in range(most)}
    return views[sorted(chosen)]


def spread(count: int, limit: int, seed: bytes) -> set[int]:
    """At most `limit` of `count` frame numbers: the first, the last, and one inside each stretch between."""
    if count <= limit:
        return set(range(count))
    if limit == 1:
        return {random.Random(seed).randrange(count)}
    draw = random.Random(seed)
    inner = limit - 2
    edges = [1 + index * (count - 2) // max(inner, 1) for index in range(inner + 1)]
    return {0, count - 1} | {draw.randrange(low, high) for low, high in pairwise(edges)}


@dataclass
class Novelty(Generic[Kept]):
    """Keeps, of frames that are offered in order, the `limit` that differ most from each other and the `anchors`."""

    limit: int
    anchors: list[Sketch] = field(default_factory=list)
    sketches: list[Sketch] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    _floor: float = 0.0

    def anchor(self, sketch: Sketch) -> None:
        """Note a frame that is looked at anyway: others like it are not novel."""
        self.anchors.append(sketch)

    def wants(self, sketch: Sketch) -> bool:
        """Whether this frame would be kept; call `keep` then."""
        return self.limit > 0 and _nearest(sketch, self.anchors + self.sketches) > self._floor

    def keep(self, sketch: Sketch, frame: Kept) -> None:
        """Keep a frame; when there are too many, the least novel of them makes room."""
        self.sketches.append(sketch)
        self.kept.append(frame)
        if len(self.kept) > self.limit:
            gaps = self._gaps()
            worst = gaps.index(min(gaps))
            del self.sketches[worst], self.kept[worst]
        self._floor = min(self._gaps()) if len(self.kept) == self.limit else 0.0

    def _gaps(self) -> list[float]:
        """How far each kept frame is from the nearest other one."""
        return [
            _nearest(sketch, self.anchors + self.sketches[:index] + self.sketches[index + 1 :])
            for index, sketch in enumerate(self.sketches)
        ]


def _nearest(sketch: Sketch, others: list[Sketch]) -> float:
    """Mean absolute difference (0..255) from the most similar of the others."""
    if not others:
        return 255.0
    return float(np.abs(np.stack(others) - sketch).mean(axis=tuple(range(1, sketch.ndim + 1))).min())
