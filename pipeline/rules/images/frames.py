"""Which frames of an animation are looked at, so that one bad frame among many cannot hide.

There are two rules, and each finds what the other misses. *Spread* takes one frame from each of k equal stretches, at
a place in it that is drawn from the content's own hash, so that it repeats on replay but moves when a frame is
inserted. *Novelty* (`pipeline.rules.images.novelty`) takes, of all frames (they must be decoded in order anyway),
those least like the ones already kept: a single odd frame among thousands of similar ones is the most novel of all,
wherever it stands and however briefly it shows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

LEAST_FRAMES = 4
"""Frames of an animation that are looked at, however many views each has; then only `some` views of each are."""


def frames_for(max_frames: int, max_views: int, views: int) -> int:
    """How many frames of an animation are looked at, where each has `views` views.

    As many as `max_views` views allow, but at least `LEAST_FRAMES`, and never more than `max_frames`.
    """
    return min(max_frames, max(LEAST_FRAMES, max_views // views))


def room_for(frames: int, max_views: int, views: int) -> int:
    """How many frames are looked at of an animation that is all cuts: more than the `frames` of a calm one."""
    return max(frames, max_views // views)


def shares(views: Sequence[int], most: int) -> list[int]:
    """How many of each frame's `views` are looked at, so that it is `most` in all: what some do not need, others get.

    At least one of each where there are no more frames than `most`.
    """
    found = [0] * len(views)
    for rank, frame in enumerate(sorted(range(len(views)), key=views.__getitem__)):
        found[frame] = min(views[frame], most // (len(views) - rank))
        most -= found[frame]
    return found


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
