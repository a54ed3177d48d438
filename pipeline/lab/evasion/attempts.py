"""What came of tricks: each attempt, and what many of them sum up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.rules.policies.policy_set import Policy
from pipeline.wire import Action
from pipeline.wire.decisions import SEVERITY

ACTIONS: tuple[Action, ...] = ("label", "review", "block")


def action_of(policy: Policy, score: float) -> Action | None:
    """The severest action that the score leads to, whatever the policy's mode; None where it leads to none."""
    return policy.severest(score)[0] if score >= policy.lowest else None


@dataclass(frozen=True)
class Sample:
    """A sample of one policy as it was judged untouched."""

    policy: str
    name: str
    must_flag: bool
    score: float
    action: Action | None


@dataclass(frozen=True)
class Attempt:
    """One trick at one strength, played with one sample."""

    sample: Sample
    trick: str
    strength: float
    score: float | None
    """None where it became a dead letter."""
    action: Action | None
    dead_letter: str = ""
    """Why it became one: the reason and the error's words."""

    @property
    def flagged(self) -> bool:
        """Whether the policy matched at all, with any action of its own."""
        return self.action is not None

    @property
    def lost(self) -> float:
        """How much of the untouched sample's score is gone; below 0 where the trick raised it."""
        return 0.0 if self.score is None else self.sample.score - self.score

    def reaches(self, action: Action) -> bool:
        return self.action is not None and SEVERITY[self.action] >= SEVERITY[action]


@dataclass(frozen=True)
class Tally:
    """Attempts summed up. Dead letters are counted apart: such an image was neither passed nor flagged.

    Shares and losses are None where nothing was judged.
    """

    attempts: Sequence[Attempt]

    @cached_property
    def judged(self) -> list[Attempt]:
        return [each for each in self.attempts if each.score is not None]

    @property
    def dead(self) -> int:
        return len(self.attempts) - len(self.judged)

    @property
    def flagged(self) -> float | None:
        """The share that the policy still matches, with any action."""
        return _share(each.flagged for each in self.judged)

    def falls_below(self, share: float) -> bool:
        """Whether less than that is flagged, where anything was judged."""
        return self.flagged is not None and self.flagged < share

    @property
    def kept(self) -> float | None:
        """The share of those flagged untouched that keep the severest action of before, or get a severer one."""
        return _share(each.reaches(each.sample.action) for each in self.judged if each.sample.action)

    def at(self, action: Action) -> float | None:
        """The share that reaches an action, of those whose sample reached it untouched."""
        wanted = SEVERITY[action]
        return _share(
            each.reaches(action)
            for each in self.judged
            if each.sample.action and SEVERITY[each.sample.action] >= wanted
        )

    @property
    def lost(self) -> float | None:
        """The score lost on average."""
        return sum(each.lost for each in self.judged) / len(self.judged) if self.judged else None

    @cached_property
    def worst(self) -> Attempt | None:
        """The attempt that took most of the score; of equals the first."""
        return max(self.judged, key=lambda each: each.lost, default=None)


def _share(of: Iterable[bool]) -> float | None:
    every = list(of)
    return sum(every) / len(every) if every else None


def by_trick(attempts: Iterable[Attempt]) -> dict[str, Tally]:
    """A tally for each trick, the weakest defence first: by the share flagged, then by the score lost."""
    grouped: dict[str, list[Attempt]] = {}
    for each in attempts:
        grouped.setdefault(each.trick, []).append(each)
    tallies = {name: Tally(group) for name, group in grouped.items()}
    return dict(sorted(tallies.items(), key=lambda pair: _weakness(pair[1])))


def _weakness(tally: Tally) -> tuple[float, float]:
    return (2.0, 0.0) if tally.flagged is None or tally.lost is None else (tally.flagged, -tally.lost)
