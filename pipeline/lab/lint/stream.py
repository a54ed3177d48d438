"""What policies do to a stream: many pictures, of which nobody said what they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.archive.archive import Block
from pipeline.lab.backtest.bounds import Screen, outcomes
from pipeline.lab.lint.pool import TOGETHER, Pool, Scores, together
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Policy, PolicySet
from pipeline.signals import Signals

COLUMNS = ("record", "view", "views", "features", "closer", "bar", "background", "background_lse")
"""What `Stream.take` needs of a block."""


@dataclass
class Stream:
    """Takes pictures, and counts; memory does not grow with them."""

    compiled: CompiledPolicies
    bare: CompiledPolicies
    """The same policies with no `unless` line: what they do not flag, `unless` lines save nothing from."""
    shorter: CompiledPolicies
    """The policies of `without_each`: each with one `unless` line less."""
    source: str
    """What the pictures are of, to be named behind their number."""
    pictures: int = 0
    pool: Pool = field(init=False)
    """Of the pictures that may score high enough to matter."""
    at_stake: Counter[str] = field(default_factory=Counter)
    """By policy, how many pictures it would flag if it had no `unless` lines."""
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By policy and `unless` line, how many pictures it would decide otherwise without that line."""

    def __post_init__(self) -> None:
        self.pool = Pool(self.compiled)

    def add(self, signals: Sequence[Signals]) -> None:
        """Count these pictures."""
        self._look(signals)
        self.pictures += len(signals)

    def take(self, block: Block, screen: Screen) -> None:
        """Count a block's events; `screen` is of `bare`, and says which of them may matter."""
        if not block.events:
            return
        least = np.minimum(self.compiled.lowest, self._highest(block))
        [bounds] = screen(block, [least])
        asked = bounds.events[(bounds.high >= least).any(axis=1)]
        self._look(block.looks(asked) if len(asked) else ())
        self.pictures += block.events

    def _highest(self, block: Block) -> Scores:
        """``float64[K]``: scores that some pictures have, of those before or else of the block's first."""
        if not self.pool.highest:
            first = np.arange(min(TOGETHER, block.events))
            return np.asarray(self.compiled.look(block.looks(first)).scores.max(axis=0))
        return np.array([self.pool.highest[policy] for policy in self.compiled.ids])

    @property
    def said(self) -> str:
        """The pictures, to be named in a sentence."""
        return f"{self.pictures:,} pictures of {self.source}"

    def _look(self, signals: Sequence[Signals]) -> None:
        for some in together(signals):
            scores = self.pool.add(some, {})
            flagged = (self.bare.look(some).scores >= self.bare.lowest).sum(axis=0)
            self.at_stake.update(dict(zip(self.bare.ids, flagged.tolist(), strict=True)))
            self._compare(scores, self.shorter.look(some).scores)

    def _compare(self, scores: Scores, without: Scores) -> None:
        lines = [(policy, line) for policy in self.compiled.policies for line in policy.unless]
        columns = [self.compiled.ids.index(policy.id) for policy, _ in lines]
        before = outcomes(scores[:, columns], [policy for policy, _ in lines])
        changed = before != outcomes(without, self.shorter.policies)
        counts = changed.sum(axis=0).tolist()
        self.changed.update({(policy.id, line): count for (policy, line), count in zip(lines, counts, strict=True)})


def without_unless(policy_set: PolicySet) -> PolicySet:
    """The active policies, with no `unless` lines."""
    return replace(policy_set, policies=tuple(replace(each, unless=()) for each in policy_set.active))


def without_each(policy_set: PolicySet) -> PolicySet:
    """For each `unless` line of each active policy, one after the other, that policy without that line."""
    return replace(
        policy_set, policies=tuple(_shorter(each, at) for each in policy_set.active for at in range(len(each.unless)))
    )


def _shorter(policy: Policy, at: int) -> Policy:
    return replace(policy, id=f"{policy.id} {at:06}", unless=policy.unless[:at] + policy.unless[at + 1 :])
