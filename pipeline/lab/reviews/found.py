"""Finds reviewed images again in the archive, and scores them, and all others, as decisions would now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.archive import SIGNALS, Archive, Block, Segment
from pipeline.lab.reviews.reviewed import Counter, Floats, Population, Reviewed, bins_of, reviewed
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.reviews.settled import Labelled, PolicyReviews, joined
from pipeline.rules.times import Window

T = TypeVar("T")
Look = Callable[[Block], tuple[Floats, Floats]]
"""Between which scores each event of a block lies: ``float64[E,K]`` twice."""

IDS = ("event_id", "image_id", "decided_at")
COLUMNS = (*SIGNALS, *IDS)
"""What `look_through` needs of an archive's rows."""
_CHUNK = 1024
"""Images scored at once. Their numerators are float64 for every sentence, 12 MB for the shipped policies."""


@dataclass(frozen=True, slots=True)
class LookedThrough:
    """A stretch of the stream under a policy set: how many images there are, and the reviewed ones of each policy."""

    images: int
    policies: Mapping[str, Reviewed]
    """By id, for every policy that is scored and has reviews."""


def look_through(
    blocks: Iterable[Block],
    compiled: CompiledPolicies,
    reviews: Mapping[str, PolicyReviews],
    bounds: Look,
    progress: Callable[[int], object] = lambda _: None,
) -> LookedThrough:
    """Score every image of the blocks, which have `COLUMNS`, and keep the scores of those that were reviewed.

    An image id that was decided several times counts by its last decision. What is held grows with the number of
    reviews, and not with that of images. Images whose scores `bounds` tells as closely as they are counted are not
    judged. `progress` is told how many images each block had.
    """
    columns = {policy: at for at, policy in enumerate(compiled.ids) if policy in reviews}
    counters = {policy: Counter() for policy in columns}
    wanted = Wanted[float]({policy: reviews[policy].labels for policy in columns})
    images = 0
    for block in blocks:
        if block.events:
            ids = Ids(block)
            there = list(wanted.among(ids, range(block.events)))
            scores = _scores(block, compiled, bounds, list(columns.values()), {event for event, _, _ in there})
            for policy, column in columns.items():
                counters[policy].count(scores[:, column])
            for event, policy, at in there:
                wanted.take(policy, at, ids, event, float(scores[event, columns[policy]]))
        images += block.events
        progress(block.events)
    found = {each: _found(wanted, each, reviews[each], counters[each].population) for each in columns}
    return LookedThrough(images, found)


def look_up(
    archive: Archive,
    segments: Iterable[Segment],
    window: Window,
    compiled: CompiledPolicies,
    reviews: Mapping[str, PolicyReviews],
    populations: Mapping[str, Population],
) -> dict[str, Reviewed]:
    """Score reviewed images alone, under policies whose populations are known; segments without any are not read."""
    wanted = Wanted[float]({policy: reviews[policy].labels for policy in populations})
    for segment in segments:
        ids = archive.blocks([segment], IDS, window)
        if any(next(wanted.among(Ids(block), range(block.events)), None) for block in ids):
            for block in archive.blocks([segment], COLUMNS, window):
                _take(wanted, block, compiled)
    return {policy: _found(wanted, policy, reviews[policy], each) for policy, each in populations.items()}


def _take(wanted: Wanted[float], block: Block, compiled: CompiledPolicies) -> None:
    ids = Ids(block)
    there = list(wanted.among(ids, range(block.events)))
    events = sorted({event for event, _, _ in there})
    for start in range(0, len(events), _CHUNK):
        some = {event: row for row, event in enumerate(events[start : start + _CHUNK])}
        scores = compiled.look(block.signals(some)).scores
        for event, policy, at in there:
            if event in some:
                score = scores[some[event], compiled.ids.index(policy)]
                wanted.take(policy, at, ids, event, float(score))


def _scores(
    block: Block, compiled: CompiledPolicies, bounds: Look, columns: list[int], asked_for: Collection[int]
) -> Floats:
    """``float64[E,K]``: of reviewed events scores, of others what counts as much, in these columns."""
    low, high = bounds(block)
    scores, differ = low.copy(), bins_of(low[:, columns]) != bins_of(high[:, columns])
    judged = sorted({*np.flatnonzero(differ.any(axis=1)).tolist(), *asked_for})
    for start in range(0, len(judged), _CHUNK):
        some = judged[start : start + _CHUNK]
        scores[some] = compiled.look(block.signals(some)).scores
    return scores


class Ids:
    """What the images of a block are called, and when they were decided, in milliseconds."""

    def __init__(self, block: Block) -> None:
        self.events: list[str] = block.column("event_id").to_pylist()
        self.images: list[str] = block.column("image_id").to_pylist()
        self.decided_at: NDArray[np.int64] = block.column("decided_at").cast(pa.int64()).to_numpy()


class Wanted(Generic[T]):
    """Reviewed images that are looked for, and what is kept of the last decision on each that was found."""

    def __init__(self, labels: Mapping[str, Sequence[Labelled]]) -> None:
        self._by_event: dict[str, list[tuple[str, int]]] = {}
        self._by_image: dict[str, list[tuple[str, int]]] = {}
        self._last: dict[tuple[str, int], tuple[int, str, T]] = {}
        for policy, each in labels.items():
            for at, label in enumerate(each):
                by, key = (self._by_event, label.event) if label.event else (self._by_image, label.image)
                by.setdefault(key, []).append((policy, at))

    def among(self, ids: Ids, events: Iterable[int]) -> Iterator[tuple[int, str, int]]:
        """Yield the events that are looked for, each with the policy and the index of the label that is about it."""
        for event in events:
            for policy, at in self._by_event.get(ids.events[event], ()):
                yield event, policy, at
            for policy, at in self._by_image.get(ids.images[event], ()):
                yield event, policy, at

    def take(self, policy: str, at: int, ids: Ids, event: int, kept: T) -> None:
        """Keep this of the decision on an event, unless that of a later one is there."""
        last, decided_at = self._last.get((policy, at)), int(ids.decided_at[event])
        if last is None or decided_at >= last[0]:
            self._last[policy, at] = decided_at, ids.events[event], kept

    def found(self, policy: str, reviews: PolicyReviews) -> tuple[list[tuple[Labelled, T]], PolicyReviews]:
        """The reviewed images of a policy that were found, each with what was kept of it, and its reviews by image.

        What was said of an image by its own id, and what by its event's, is known to be of one image by now.
        """
        kept, missing = dict[str, T](), list[Labelled]()
        labels: dict[str, list[Labelled]] = {}
        for at, label in enumerate(reviews.labels):
            if (last := self._last.get((policy, at))) is None:
                missing.append(label)
                continue
            _, event, kept[event] = last
            labels.setdefault(event, []).append(label)
        found = [(joined(each), kept[event]) for event, each in labels.items()]
        return found, PolicyReviews((*(label for label, _ in found), *missing))


def _found(wanted: Wanted[float], policy: str, reviews: PolicyReviews, population: Population) -> Reviewed:
    found, by_image = wanted.found(policy, reviews)
    return reviewed(found, population, by_image)
