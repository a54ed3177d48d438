"""Archived events judged by other policies: which of them are decided anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.archive.archive import SIGNALS, Archive, Block, Segment
from pipeline.archive.redecided import Anew, Name, Redecisions, anew
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import judge
from pipeline.rules.redeciding import Changes, actions_of, changes, decided_anew, is_canary
from pipeline.rules.times import Window
from pipeline.wire import Decision

AT_ONCE = 512
"""Events that are judged together."""
_COLUMNS = (*SIGNALS, "record", "event_id", "image_id", "subject", "verdict", "policy_set", "matches", "decision")


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

    What was decided anew before counts as the decision on its event: a later one supersedes it.
    """

    def __init__(
        self,
        archive: Archive,
        window: Window,
        compiled: CompiledPolicies,
        kind: Changes,
        policies: Collection[str],
        now: Callable[[], float],
    ) -> None:
        self.seen = Seen()
        self._archive = archive
        self._window = window
        self._compiled = compiled
        self._kind: Changes = kind
        self._policies = policies
        self._now = now

    def changes(self, segment: Segment, newest: Mapping[str, Decision]) -> Iterator[Change]:
        """The changes in a segment; `newest` holds, by event id, what was decided anew before."""
        for block in self._archive.blocks([segment], _COLUMNS, self._window):
            rows = _Rows(block, newest)
            meant = [event for event in range(block.events) if self._is_meant(rows, event)]
            for start in range(0, len(meant), AT_ONCE):
                yield from self._changed(rows, meant[start : start + AT_ONCE])

    def _is_meant(self, rows: _Rows, event: int) -> bool:
        self.seen.events += 1
        by_these = rows.policy_set(event) == self._compiled.policy_set.version
        canary = is_canary(rows.images[event])
        self.seen.by_these += by_these
        self.seen.canaries += canary
        return not (by_these or canary)

    def _changed(self, rows: _Rows, events: Collection[int]) -> Iterator[Change]:
        signals, version = rows.block.signals(events), self._compiled.policy_set.version
        for event, known, judgement in zip(events, signals, judge(signals, self._compiled), strict=True):
            if changes(*rows.said(event), judgement, self._kind, self._policies):
                before = rows.decision(event)
                made = decided_anew(before, known, judgement, version, self._now())
                yield Change(Anew(rows.records[event], rows.subjects[event], made), before)


class _Rows:
    """The events of a block with their newest decisions, as far as each is asked for."""

    def __init__(self, block: Block, newest: Mapping[str, Decision]) -> None:
        self.block = block
        self.records, self.images, self.subjects = (self._all(each) for each in ("record", "image_id", "subject"))
        self._verdicts, self._matches, self._sets = (self._all(each) for each in ("verdict", "matches", "policy_set"))
        self._newest = [newest.get(event) for event in self._all("event_id")]

    def policy_set(self, event: int) -> str:
        newest = self._newest[event]
        return str(self._sets[event]) if newest is None else newest.policy_set

    def said(self, event: int) -> tuple[str, dict[str, str]]:
        """The verdict, and the action of each policy that matched."""
        newest = self._newest[event]
        if newest is not None:
            return newest.verdict, actions_of(newest.matches)
        enforced = (match for match in self._matches[event] if match["mode"] == "enforce")
        return self._verdicts[event], {match["policy"]: match["action"] for match in enforced}

    def decision(self, event: int) -> Decision:
        return self._newest[event] or self.block.decision(event)

    def _all(self, column: str) -> list[Any]:
        return list(self.block.column(column).to_pylist())


def newest_in(redecisions: Redecisions, names: Collection[Name]) -> dict[str, Decision]:
    """By event id, the last of the decisions that these objects hold."""
    found = [each.decision for name in names for each in anew(redecisions.rows(name))]
    return {each.event_id: each for each in sorted(found, key=lambda each: each.decided_at)}
