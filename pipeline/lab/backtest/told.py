"""What is told of single events: marked while blocks go by, and looked up once it is clear which they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.lab.backtest.moves import OUTCOMES
from pipeline.lab.backtest.record import Near
from pipeline.lab.backtest.sides import Found
from pipeline.signals import Signals
from pipeline.wire import Verdict

COLUMNS = ("image_id", "event_id", "decision_id", "decided_at")


class Marked(NamedTuple):
    """An event that may be told of, and its policy's outcomes."""

    at: Segment
    record: int
    """Its offset in the features topic."""
    score: float | None
    before: Verdict
    after: Verdict
    signals: Signals | None = None
    """By which it will be scored, where it has not been."""

    @property
    def segment(self) -> str:
        """The path of its segment."""
        return self.at.path


def mark(
    block: Block, policy: int, scores: Iterable[tuple[int, float | None]], before: Found, after: Found
) -> list[Marked]:
    """The events of a block, by their index, that have these scores under a policy, by its number in the roster."""
    found = list(scores)
    if not found:
        return []
    events = np.array([event for event, _ in found])
    was, now = (_outcomes(side, policy, events) for side in (before, after))
    return [
        Marked(
            block.segment, int(block.records[event]), score, OUTCOMES[was.get(event, 0)], OUTCOMES[now.get(event, 0)]
        )
        for event, score in found
    ]


class Told:
    """What the archive has of marked events, by segment and record. Those that were erased meanwhile are left out."""

    def __init__(self, archive: Archive, marked: Iterable[Marked]) -> None:
        wanted: dict[Segment, set[int]] = {}
        for each in marked:
            wanted.setdefault(each.at, set()).add(each.record)
        self._found = {
            (segment, record): columns
            for segment, records in wanted.items()
            for record, columns in _columns_of(archive, segment, records)
        }

    def of(self, marked: Sequence[Marked]) -> tuple[Near, ...]:
        """What is told of these, in their order."""
        there = [(each, self._found.get((each.at, each.record))) for each in marked]
        return tuple(
            Near(
                score=each.score,
                before=each.before,
                after=each.after,
                segment=each.segment,
                record=each.record,
                **columns,
            )
            for each, columns in there
            if columns is not None
        )


def _columns_of(archive: Archive, segment: Segment, records: set[int]) -> Iterable[tuple[int, dict[str, Any]]]:
    missing, local = set(records), archive.store.local(segment.path) is not None
    for block in archive.blocks([segment], ["record", *(() if local else COLUMNS)], mapped=1):
        here = np.flatnonzero(np.isin(block.records, np.array(sorted(missing))))
        if not len(here):
            continue
        rows = block.need(COLUMNS).rows
        taken = {name: rows[name].take(pa.array(block.offsets[here])).to_pylist() for name in COLUMNS}
        for at, record in enumerate(block.records[here].tolist()):
            columns = {name: values[at] for name, values in taken.items()}
            yield record, columns | {"decided_at": columns["decided_at"].isoformat(timespec="milliseconds")}
            missing.discard(record)
        if not missing:
            return


def _outcomes(found: Found, policy: int, events: NDArray[np.intp]) -> dict[int, int]:
    mine = np.flatnonzero(found.policy == policy)
    mine = mine[np.isin(found.event[mine], events)]
    return dict(zip(found.event[mine].tolist(), found.outcome[mine].tolist(), strict=True))
