"""The past judged again, a block at a time: what each policy would have matched, beside what it did.

A screen bounds the scores of all events. Those whose bounds leave an outcome open, or which may be told of by
themselves, are judged as decisions are; so every figure is of decisions, and the screen only saves time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import SIGNALS, Block
from pipeline.lab.backtest.bounds import Bounds, Screen, undecided
from pipeline.lab.backtest.draw import lots
from pipeline.lab.backtest.draws import Draw
from pipeline.lab.backtest.nearness import Nearness
from pipeline.lab.backtest.sides import Found, Roster, decided, joined, judged, without
from pipeline.lab.backtest.tally import Tally
from pipeline.lab.backtest.told import Marked, mark
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.heads.prompts import PromptsHead
from pipeline.signals import Signals

COLUMNS = (
    "features",
    "coarse",
    "background",
    "background_lse",
    *(f"matches.list.element.{part}" for part in ("policy", "mode", "action")),
)
"""What is read of every row; all else is read of the row groups where some event is judged."""
EVERY_COLUMN = tuple(dict.fromkeys((*COLUMNS, *SIGNALS, "record")))


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
    """Takes an archive's blocks in order; keeps no more for more of them."""

    def __init__(self, question: Question, screen: Screen) -> None:
        """`screen` is of `Question.sets`."""
        self.question = question
        of_now = [policy.id for policy in question.now.policy_set.policies]
        of_before = [policy.id for policy in question.before.policy_set.policies] if question.before else []
        self.roster = Roster([*of_now, *of_before])
        self.tally = Tally()
        self.nearness = Nearness(question.now.policies, question.nearest)
        self.new: dict[int, Draw] = {}
        self.let_go: dict[int, Draw] = {}
        self.rows = 0
        self._screen = screen

    def take(self, block: Block) -> None:
        """Count a block."""
        if not block.events:
            return
        self.rows += len(block.rows)
        least = [self.nearness.least, *(compiled.lowest for compiled in self.question.sets[1:])]
        now, *rest = self._screen(block, least)
        asked = np.union1d(undecided(now, self.question.now), self.nearness.may_be_among(now))
        now = _scored(block, now, asked, self.question.now)
        before, after = self._sides(block, now, rest)
        self.tally.add(block.segment.name.group.day.isoformat(), block.events, before, after)
        for side in self.nearness.sides if len(asked) else ():
            near = side.offer(now.low[asked], now.events[asked])
            policy = self.roster.index(self.question.now.ids[side.column])
            side.keep(mark(block, policy, near, before, after))
        self._draw(block, before, after)

    def end(self) -> None:
        """Score what was drawn, under all policies in one call, which costs less. After the last block."""
        drawn = [(policy, draw) for draws in (self.new, self.let_go) for policy, draw in draws.items()]
        waiting = [each.signals for _, draw in drawn for each in draw.kept if each.signals is not None]
        scores = iter(self.question.now.look(waiting).scores if waiting else ())
        for policy, draw in drawn:
            name = self.roster.ids[policy]
            draw.kept = tuple(
                each
                if each.signals is None
                else each._replace(score=float(next(scores)[self.question.now.ids.index(name)]), signals=None)
                for each in draw.kept
            )

    @property
    def marked(self) -> Iterator[Marked]:
        """All events that are to be told of."""
        near = (each for side in self.nearness.sides for each in side.kept)
        return chain(near, *(draw.kept for draw in (*self.new.values(), *self.let_go.values())))

    def _sides(self, block: Block, now: Bounds, rest: Sequence[Bounds]) -> tuple[Found, Found]:
        after = judged(now, self.question.now, self.roster)
        before = self._before(block, *rest)
        if self.question.only is not None:
            after = joined([after, without(before, self.roster.indices([self.question.only]))])
        return before, after

    def _before(self, block: Block, bounds: Bounds | None = None) -> Found:
        compiled = self.question.before
        if compiled is None or bounds is None:
            return decided(block, self.roster)
        return judged(_scored(block, bounds, undecided(bounds, compiled), compiled), compiled, self.roster)

    def _draw(self, block: Block, before: Found, after: Found) -> None:
        changed = [
            (self.new, _missing(after, before)),
            (self.let_go, _missing(before, after)),
        ]
        for draws, found in changed:
            for policy, events in found.items():
                draw = draws.setdefault(policy, Draw(self.question.nearest))
                here = draw.may_be_among(events, lots(block.segment.name, block.records[events]))
                marked = mark(block, policy, ((event, None) for event in here.tolist()), before, after)
                if marked and self.roster.ids[policy] in self.question.now.ids:
                    signals = _signals(block, here, self.question.now)
                    marked = [each._replace(signals=of) for each, of in zip(marked, signals, strict=True)]
                draw.keep(marked)


def _scored(block: Block, bounds: Bounds, at: NDArray[np.intp], compiled: CompiledPolicies) -> Bounds:
    """The same, with the scores of decisions, as `judge` takes them, for the events at these places."""
    if not len(at):
        return bounds
    return bounds.with_scores(at, compiled.look(_signals(block, bounds.events[at], compiled)).scores)


def _signals(block: Block, events: NDArray[np.intp], compiled: CompiledPolicies) -> list[Signals]:
    by_features = all(isinstance(head, PromptsHead) for head in compiled.heads)
    return block.looks(events) if by_features else block.need(SIGNALS).signals(events.tolist())


def _missing(these: Found, those: Found) -> dict[int, NDArray[np.intp]]:
    """For each policy, the events that it matches in `these` and not in `those`."""
    gone = ~np.isin(these.pairs, those.pairs)
    return {
        int(policy): np.sort(these.event[gone & (these.policy == policy)]) for policy in np.unique(these.policy[gone])
    }
