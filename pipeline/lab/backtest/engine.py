"""The past judged again, a block at a time: what each policy would have matched, beside what it did.

A screen bounds the scores of all events. Those whose bounds leave an outcome open, or which may be told of by
themselves, are judged as decisions are; so every figure is of decisions, and the screen only saves time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import SIGNALS, Block
from pipeline.lab.backtest import told
from pipeline.lab.backtest.bounds import Array, Bounds, outcomes
from pipeline.lab.backtest.draw import lots
from pipeline.lab.backtest.draws import Draw
from pipeline.lab.backtest.nearness import Nearness
from pipeline.lab.backtest.sides import Found, Roster, decided, joined, judged, without
from pipeline.lab.backtest.tally import Tally
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import Judgement, judge

COLUMNS = (
    "features",
    "background",
    "background_lse",
    *(f"matches.list.element.{part}" for part in ("policy", "mode", "action")),
)
"""What is read of every row; all else is read of the row groups where some event is judged or told of."""
EVERY_COLUMN = tuple(dict.fromkeys((*COLUMNS, *SIGNALS, *told.COLUMNS)))


@dataclass(frozen=True, slots=True)
class Question:
    """What is judged now, and what it is compared with."""

    now: CompiledPolicies
    before: CompiledPolicies | None = None
    """None for what was decided."""
    only: str | None = None
    """The one policy that `now` is of, off or not: all others keep what they had before. None for a whole folder."""
    nearest: int = 10
    """How many images are told of on either side of a threshold, and how many of those that are new or let go."""

    @property
    def sets(self) -> tuple[CompiledPolicies, ...]:
        """The policy sets that a screen must bound, `now` first."""
        return (self.now,) if self.before is None else (self.now, self.before)


class Engine:
    """Takes an archive's blocks in order, each with the bounds of its events; keeps no more for more of them."""

    def __init__(self, question: Question) -> None:
        self.question = question
        of_now = [policy.id for policy in question.now.policy_set.policies]
        of_before = [policy.id for policy in question.before.policy_set.policies] if question.before else []
        self.roster = Roster([*of_now, *of_before])
        self.tally = Tally()
        self.nearness = Nearness(question.now.policies, question.nearest)
        self.new: dict[int, Draw] = {}
        self.let_go: dict[int, Draw] = {}
        self.rows = 0

    def take(self, block: Block, bounds: Sequence[Bounds]) -> None:
        """Count a block; `bounds` are of `Question.sets`."""
        if not block.events:
            return
        self.rows += len(block.rows)
        asked = np.union1d(_open(bounds[0], self.question.now), self.nearness.may_be_among(bounds[0]))
        judgements = _judged(block, asked, self.question.now)
        before, after = self._sides(block, bounds, asked, judgements)
        self.tally.add(block.segment.name.group.day.isoformat(), block.events, before, after)
        self._keep_nearest(block, asked, judgements, before, after)
        self._draw(block, before, after)

    def _sides(
        self, block: Block, bounds: Sequence[Bounds], asked: NDArray[np.intp], judgements: Sequence[Judgement]
    ) -> tuple[Found, Found]:
        now, roster = self.question.now, self.roster
        certain = outcomes(bounds[0].low, now.policies)
        after = judged(certain, now, zip(asked.tolist(), judgements, strict=True), roster)
        before = self._before(block, bounds)
        if self.question.only is not None:
            after = joined([after, without(before, roster.indices([self.question.only]))])
        return before, after

    def _before(self, block: Block, bounds: Sequence[Bounds]) -> Found:
        compiled = self.question.before
        if compiled is None:
            return decided(block, self.roster)
        asked = _open(bounds[1], compiled)
        judgements = _judged(block, asked, compiled)
        certain = outcomes(bounds[1].low, compiled.policies)
        return judged(certain, compiled, zip(asked.tolist(), judgements, strict=True), self.roster)

    def _keep_nearest(
        self,
        block: Block,
        asked: NDArray[np.intp],
        judgements: Sequence[Judgement],
        before: Found,
        after: Found,
    ) -> None:
        if not len(asked):
            return
        ids, events = self.question.now.ids, asked.tolist()
        scores: Array = np.array([[each.scores[policy] for policy in ids] for each in judgements])
        for side in self.nearness.sides:
            policy = self.roster.index(ids[side.column])
            side.keep(told.tell(block, policy, side.offer(scores, events), before, after))

    def _draw(self, block: Block, before: Found, after: Found) -> None:
        changed = [
            (self.new, _missing(after, before)),
            (self.let_go, _missing(before, after)),
        ]
        if not any(len(events) for _, found in changed for events in found.values()):
            return
        numbers = lots(block.segment.name, told.records_of(block))
        for draws, found in changed:
            for policy, events in found.items():
                draw = draws.setdefault(policy, Draw(self.question.nearest))
                drawn = draw.may_be_among(events, numbers)
                scores = self._scores(block, policy, drawn)
                draw.keep(told.tell(block, policy, zip(drawn.tolist(), scores, strict=True), before, after))

    def _scores(self, block: Block, policy: int, events: NDArray[np.intp]) -> list[float | None]:
        judged_by = self.roster.ids[policy]
        if judged_by not in self.question.now.ids:
            return [None] * len(events)
        return [each.scores[judged_by] for each in _judged(block, events, self.question.now)]


def _open(bounds: Bounds, compiled: CompiledPolicies) -> NDArray[np.intp]:
    """The events of which some outcome is not certain."""
    differ = outcomes(bounds.low, compiled.policies) != outcomes(bounds.high, compiled.policies)
    return np.flatnonzero(differ.any(axis=1))


def _judged(block: Block, events: NDArray[np.intp], compiled: CompiledPolicies) -> list[Judgement]:
    return judge(block.need(SIGNALS).signals(events.tolist()), compiled) if len(events) else []


def _missing(these: Found, those: Found) -> dict[int, NDArray[np.intp]]:
    """For each policy, the events that it matches in `these` and not in `those`."""
    gone = ~np.isin(these.pairs, those.pairs)
    return {
        int(policy): np.sort(these.event[gone & (these.policy == policy)]) for policy in np.unique(these.policy[gone])
    }
