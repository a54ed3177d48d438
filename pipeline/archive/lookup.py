"""Decisions by their ids: only the ids are read of the rows that are not meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Decision

IDS = ("event_id", "decision_id", "image_id")
Advance = Callable[[int], object]


def newest_first(segments: Iterable[Segment]) -> list[Segment]:
    """The segments by day, and within a day by where they begin, the last first."""
    return sorted(segments, key=lambda each: (each.name.group.day, each.name.start), reverse=True)


def decisions_called(
    archive: Archive,
    segments: Iterable[Segment],
    names: Collection[str],
    window: Window = ALWAYS,
    advance: Advance = lambda _: None,
) -> Iterator[Decision]:
    """The decisions whose event, decision or image has one of these ids, as `events_called` finds them."""
    found = events_called(archive, segments, names, ("decision",), window, advance)
    return (block.decision(event) for block, event in found)


def events_called(
    archive: Archive,
    segments: Iterable[Segment],
    names: Collection[str],
    columns: Sequence[str],
    window: Window = ALWAYS,
    advance: Advance = lambda _: None,
) -> Iterator[tuple[Block, int]]:
    """The events that have one of these ids (their own, or their decision's or image's), each by index in a block.

    They come segment by segment as those are given, and blocks have these columns, but only until the next one is
    asked for. `advance` is told of each segment. Raises `StoreError` for a segment that is damaged.
    """
    asked = pa.array(sorted(names), pa.string())
    for segment in segments:
        for block in archive.blocks([segment], IDS, window):
            if found := _meant(block, asked):
                block.need(columns)
                yield from ((block, event) for event in found)
        advance(1)


def _meant(block: Block, names: pa.Array) -> list[int]:
    """The events of the block that are called so, by their indices."""
    found: list[int] = []
    for name in IDS:
        found += pc.indices_nonzero(pc.is_in(block.column(name), value_set=names)).to_pylist()
    return sorted(set(found))
