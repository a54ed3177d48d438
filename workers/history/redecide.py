"""Archived events judged by other policies: which of them are decided anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.archive import SIGNALS, TOGETHER, Archive, Block, Segment
from pipeline.archive.redecided import Anew, Name, Redecisions, anew
from pipeline.lab.backtest.bounds import Screen
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import judge
from pipeline.rules.redeciding import Changes, actions_of, changes, decided_anew
from pipeline.rules.times import Window
from pipeline.wire import CANARY_IDS, Decision
from workers.history.settled import COLUMNS as OF_SETTLED
from workers.history.settled import Events, Settled

AT_ONCE = 512
"""Events that are judged together."""
_SCREENED = (*OF_SETTLED, "image_id", "policy_set")
"""What is read of every row; all else where some event is judged."""
_JUDGED = (*SIGNALS, "record", "subject", "decision")


class Change(NamedTuple):
    """A decision that is made anew, and the one that it replaces."""

    made: Anew
    before: Decision


@dataclass
class Seen:
    """How many events were looked at, and how many of them were left out, and why."""

    events: int = 0
    by_these: int = 0
    """Decided by these very policies already."""
    canaries: int = 0


class Redeciding:
    """Judges the events of a window by these policies, exactly as a worker judges.

    What was decided anew before counts as the decision on its event: a later one supersedes it. Events of which a
    screen is certain that nothing changes are not judged.
    """

    def __init__(
        self,
        archive: Archive,
        window: Window,
        compiled: CompiledPolicies,
        kind: Changes,
        policies: Collection[str],
        now: Callable[[], float],
        screen: Screen,
    ) -> None:
        """`screen` is of these policies alone."""
        self.seen = Seen()
        self._archive = archive
        self._window = window
        self._compiled = compiled
        self._kind: Changes = kind
        self._policies = policies
        self._now = now
        self._settled = Settled(compiled, kind, screen)

    def changes(self, segment: Segment, newest: Mapping[str, Decision]) -> Iterator[Change]:
        """The changes in a segment; `newest` holds, by event id, what was decided anew before."""
        local = self._archive.store.local(segment.path) is not None
        # Of a bucket all that may be needed: an object that is replaced between two reads cannot be read on.
        columns = _SCREENED if local else (*_SCREENED, *_JUDGED, "event_id")
        for block in self._archive.blocks([segment], columns, self._window, mapped=TOGETHER):
            rows = _Rows(block, newest)
            meant = np.setdiff1d(np.union1d(self._settled.maybe(block), rows.again), self._left_out(rows))
            for start in range(0, len(meant), AT_ONCE):
                yield from self._changed(rows, meant[start : start + AT_ONCE].tolist())

    def _left_out(self, rows: _Rows) -> Events:
        by_these, canaries = rows.by(self._compiled.policy_set.version), rows.canaries
        self.seen.events += rows.block.events
        self.seen.by_these += len(by_these)
        self.seen.canaries += len(canaries)
        return np.union1d(by_these, canaries)

    def _changed(self, rows: _Rows, events: Collection[int]) -> Iterator[Change]:
        signals, version = rows.block.need(_JUDGED).signals(events), self._compiled.policy_set.version
        for event, known, judgement in zip(events, signals, judge(signals, self._compiled), strict=True):
            if changes(*rows.said(event), judgement, self._kind, self._policies):
                before = rows.decision(event)
                made = decided_anew(before, known, judgement, version, self._now())
                record, subject = int(rows.block.records[event]), rows.value("subject", event)
                yield Change(Anew(record, subject, made), before)


class _Rows:
    """The events of a block with their newest decisions."""

    def __init__(self, block: Block, newest: Mapping[str, Decision]) -> None:
        self.block = block
        self._newest = dict[int, Decision]()
        if newest:
            ids = block.need(["event_id"]).column("event_id")
            again = np.flatnonzero(pc.is_in(ids, value_set=pa.array(list(newest), pa.string())))
            self._newest = {event: newest[ids[event].as_py()] for event in again.tolist()}

    @property
    def again(self) -> Events:
        """Those that were decided anew before."""
        return np.array(sorted(self._newest), np.intp)

    @property
    def canaries(self) -> Events:
        """As `is_canary` says it of their images."""
        return np.flatnonzero(pc.starts_with(self.block.column("image_id"), CANARY_IDS))

    def by(self, policy_set: str) -> Events:
        """Those whose newest decision is by the set of that version."""
        first = np.asarray(pc.equal(self.block.column("policy_set").cast(pa.string()), policy_set))
        for event, newest in self._newest.items():
            first[event] = newest.policy_set == policy_set
        return np.flatnonzero(first)

    def said(self, event: int) -> tuple[str, dict[str, str]]:
        """The verdict, and the action of each policy that matched."""
        if event in self._newest:
            newest = self._newest[event]
            return newest.verdict, actions_of(newest.matches)
        enforced = (match for match in self.value("matches", event) if match["mode"] == "enforce")
        return self.value("verdict", event), {match["policy"]: match["action"] for match in enforced}

    def decision(self, event: int) -> Decision:
        return self._newest.get(event) or self.block.decision(event)

    def value(self, column: str, event: int) -> Any:
        return self.block.rows[column][int(self.block.offsets[event])].as_py()


def newest_in(redecisions: Redecisions, names: Collection[Name]) -> dict[str, Decision]:
    """By event id, the last of the decisions that these objects hold."""
    found = [each.decision for name in names for each in anew(redecisions.rows(name))]
    return {each.event_id: each for each in sorted(found, key=lambda each: each.decided_at)}
