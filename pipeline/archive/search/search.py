"""Going through an archive for the nearest images: every row is bounded, and what could be among them is scored.

The answer is that of scoring every row. Memory is that of a few row groups, however many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from pipeline.archive.archive import TOGETHER, Archive, Block, Segment
from pipeline.archive.search.query import Bounds, Events, Query
from pipeline.archive.search.wanted import Wanted
from pipeline.rules.archive.nearest import Nearest
from pipeline.rules.times import ALWAYS, Window

CLOSER, AT_ONCE = 1024, 64
"""Images that are bounded more closely, and scored, in one go, the most promising first: what some score, others need
not be scored for."""

S = TypeVar("S")
T = TypeVar("T")


class Place(NamedTuple):
    """Where an image was found: its segment, its record there, and which of its views."""

    segment: Segment
    record: int
    view: int

    @property
    def order(self) -> tuple[str, int]:
        """By which of equals the first in the archive stands first, whatever was looked at first."""
        return self.segment.path, self.record


@dataclass
class Seen:
    """How much was looked at."""

    rows: int = 0
    """Views, those of images that did not count among them."""
    images: int = 0
    """Those that counted."""
    scored: int = 0
    """Those whose score was worth computing."""


def search(
    archive: Archive,
    segments: Iterable[Segment],
    query: Query,
    wanted: Wanted,
    nearest: Nearest[Place],
    *,
    window: Window = ALWAYS,
    enough: float = -np.inf,
    threads: int = 1,
    advance: Callable[[Block], object] = lambda _: None,
    stop: Callable[[Seen], bool] = lambda _: False,
) -> Seen:
    """Offer `nearest` every image that could be among the nearest; returns how much was looked at.

    Of images that score less than `enough`, none but the best is sure to be there. `advance` is told of each block
    that is done. `stop` is asked before each, and once it holds, `nearest` has been offered what was seen until then.
    Raises `StoreError` for a segment that is damaged.
    """
    seen = Seen()
    blocks = archive.blocks(segments, ["record", *query.columns, *wanted.columns], window, mapped=TOGETHER)
    with ThreadPoolExecutor(threads, "sluice-search", initializer=_one_thread) as pool:
        for block, bounds in _ahead(pool, _prepared(blocks, query), partial(_bounded, query, wanted), 2 * threads):
            if stop(seen):
                break
            seen.rows += len(block.rows)
            seen.images += int(np.isfinite(bounds).sum())
            seen.scored += _offer(block, bounds, query, nearest, enough)
            advance(block)
    return seen


def _one_thread() -> None:
    """Each thread of ours is one of torch's, which would otherwise start as many again."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)


def _prepared(blocks: Iterable[Block], query: Query) -> Iterator[Block]:
    ready = False
    for block in blocks:
        if not ready and block.events:
            query.prepare(block)
            ready = True
        yield block


def _bounded(query: Query, wanted: Wanted, block: Block) -> Bounds:
    """The bounds of a block's events; minus infinity for those that do not count."""
    counts = wanted.of(block)
    return np.where(counts, query.bounds(block), -np.inf) if counts.any() else np.full(block.events, -np.inf)


def _offer(block: Block, bounds: Bounds, query: Query, nearest: Nearest[Place], enough: float) -> int:
    """Score the events that could still change something, the most promising first; returns how many."""
    scored = 0
    candidates = np.flatnonzero((bounds >= _floor(nearest, enough)) & np.isfinite(bounds))
    candidates = candidates[np.argsort(-bounds[candidates], kind="stable")]
    for start in range(0, len(candidates), CLOSER):
        some = candidates[start : start + CLOSER]
        some = some[bounds[some] >= _floor(nearest, enough)]
        if not len(some):
            break
        scored += _score(block, some, query.closer(block, some), query, nearest, enough)
    return scored


def _score(block: Block, events: Events, bounds: Bounds, query: Query, nearest: Nearest[Place], enough: float) -> int:
    """As `_offer`, of these events with their closer bounds."""
    scored, order = 0, np.argsort(-bounds, kind="stable")
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        chosen = events[some[bounds[some] >= _floor(nearest, enough)]].tolist()
        if not chosen:
            break
        scored += len(chosen)
        for event, (score, view) in zip(chosen, query.scores(block, chosen), strict=True):
            [features] = block.views(block.offsets[[event]] + view).astype(np.float32)
            nearest.offer(score, features, Place(block.segment, int(block.records[event]), view))
    return scored


def _floor(nearest: Nearest[Place], enough: float) -> float:
    """What scores less matters to nobody: below what is enough, only the best does."""
    return max(nearest.floor, min(enough, nearest.best))


def _ahead(pool: Executor, values: Iterable[S], work: Callable[[S], T], most: int) -> Iterator[tuple[S, T]]:
    """Each value with what the pool makes of it, in order; at most so many are under way."""
    waiting: deque[tuple[S, Future[T]]] = deque()
    for value in values:
        waiting.append((value, pool.submit(work, value)))
        if len(waiting) >= most:
            first, made = waiting.popleft()
            yield first, made.result()
    for first, made in waiting:
        yield first, made.result()
