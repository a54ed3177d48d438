"""Counts of a day: verdicts, each policy's matches and scores, and a sample of what its images look like.

Memory is that of a few histograms for a policy and a day, however many rows there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.lab.drift.reservoir import Reservoir

SAMPLED = 128
"""Images of a day whose features are compared: 31 days are 4,000, and a product of 16 million cosines."""
STEPS = 200
"""Steps in which scores are counted from 0 to 1, of equal width: what quantiles are told to."""
COLUMNS = ("verdict", "policy_set", "matches", "scores", "view", "views", "features")


@dataclass
class Scored:
    """What a policy said of a day's images."""

    steps: NDArray[np.int64] = field(default_factory=lambda: np.zeros(STEPS, np.int64))
    """Images by score."""
    total: float = 0.0
    """The sum of the scores."""
    matches: int = 0
    """Images whose score reached a threshold, enforced or in shadow."""

    @property
    def images(self) -> int:
        return int(self.steps.sum())


@dataclass
class Day:
    """One day's images. `mean` is of the first view of each, the picture as a whole, as is `sample`."""

    day: date
    images: int = 0
    rows: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    policy_sets: set[str] = field(default_factory=set)
    policies: defaultdict[str, Scored] = field(default_factory=lambda: defaultdict(Scored))
    total: NDArray[np.float64] | None = None
    """``float64[D]``: the sum of the features."""
    sample: Reservoir[NDArray[np.float16]] = field(default_factory=lambda: Reservoir(SAMPLED, 0))

    def take(self, block: Block) -> None:
        """Count a block's events in."""
        self.images += block.events
        self.rows += len(block.rows)
        for each in pc.value_counts(block.column("verdict")):
            self.verdicts[each["values"].as_py()] += each["counts"].as_py()
        self.policy_sets.update(pc.unique(block.column("policy_set")).to_pylist())
        self._take_scores(block)
        firsts = block.offsets[:-1]
        features = block.views(firsts)
        total = features.sum(axis=0, dtype=np.float64)
        self.total = total if self.total is None else self.total + total
        for event, place in self.sample.places(block.events):
            self.sample.put(place, features[event].copy())

    def _take_scores(self, block: Block) -> None:
        for policy, scores in _by_policy(block.column("scores")):
            scored = self.policies[policy]
            steps = np.clip((scores * STEPS).astype(np.int64), 0, STEPS - 1)
            scored.steps += np.bincount(steps, minlength=STEPS)
            scored.total += float(scores.sum())
        for each in block.column("matches").to_pylist():
            for policy in {match["policy"] for match in each or ()}:
                self.policies[policy].matches += 1


def tallied(
    archive: Archive, segments: Iterable[Segment], advance: Callable[[Block], object] = lambda _: None
) -> list[Day]:
    """The days of these segments, oldest first; days without an image are left out. Raises `StoreError`."""
    days: dict[date, Day] = {}
    for block in archive.blocks(segments, COLUMNS):
        of = block.segment.name.group.day
        days.setdefault(of, Day(of)).take(block)
        advance(block)
    return [days[day] for day in sorted(days) if days[day].images]


def _by_policy(column: pa.ChunkedArray) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Every policy with the scores that it gave."""
    for chunk in column.chunks:
        keys, items = chunk.keys.dictionary_encode(), chunk.items.to_numpy(zero_copy_only=False)
        at = keys.indices.to_numpy(zero_copy_only=False)
        for number, policy in enumerate(keys.dictionary.to_pylist()):
            yield policy, items[at == number]
