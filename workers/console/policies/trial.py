"""What policies say of a sample of pictures: scores over a histogram, and which are newly flagged or let go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Policy, PolicySet
from pipeline.wire import Action, Evidence
from workers.console.policies.recent import Sample
from workers.console.stream.answers import Passing

BINS = 50
SHOWN = 48
"""Pictures of a kind on a page."""
ABSURD, TELLING = 0.2, 100
"""The share of what was looked at that hardly any policy is meant to flag, and how many must have been looked at."""


@dataclass(frozen=True)
class Scored:
    """A picture under the policy that is tried."""

    answer: Passing
    score: float
    action: str
    """What it comes to: the severest action whose threshold it reaches, or ``allow``."""
    before: str
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Trial:
    """A policy on a sample; the highest scores come first."""

    policy: Policy
    where: str
    """What was judged, in words."""
    images: int
    counts: Sequence[int]
    """How many score from ``i / BINS`` up to the next."""
    top: Sequence[Scored]
    new: Sequence[Scored]
    """Some that it flags and did not before, and likewise."""
    let_go: Sequence[Scored]
    reach: Mapping[Action, int]
    """How many reach each threshold."""
    news: int = 0
    lets_go: int = 0

    @property
    def flagged(self) -> int:
        return max(self.reach.values(), default=0)

    @property
    def absurd(self) -> bool:
        """Whether it flags so much that its writer should say once more that they mean it."""
        return self.images >= TELLING and self.flagged > ABSURD * self.images


def alone(policy_set: PolicySet, policy: str) -> PolicySet:
    """The set of that policy alone, which is tried also where it is off."""
    found = [each for each in policy_set.policies if each.id == policy]
    return replace(policy_set, policies=tuple(replace(each, mode="enforce", shadow_of=None) for each in found))


def tried_on_recent(sample: Sample, now: CompiledPolicies, before: CompiledPolicies | None) -> Trial:
    """Judge the sample by the policy of `now`, which has one alone, and by the one that it was before, if it was."""
    scores = _scores(sample, now)
    was = _scores(sample, before) if before is not None and before.policies else np.zeros(len(scores))
    [policy] = now.policies
    old = before.policies[0] if before is not None and before.policies else None
    outcome = [outcome_of(policy, score) for score in scores.tolist()]
    earlier = [outcome_of(old, score) for score in was.tolist()]
    order = np.argsort(-scores, kind="stable").tolist()
    new = [at for at in order if outcome[at] != "allow" and earlier[at] == "allow"]
    let_go = [at for at in order if outcome[at] == "allow" and earlier[at] != "allow"]

    def told(which: Sequence[int]) -> list[Scored]:
        judged = judge([sample.signals[at] for at in which[:SHOWN]], now)
        return [
            Scored(sample.answers[at], float(scores[at]), outcome[at], earlier[at], each.evidence(policy.id))
            for at, each in zip(which, judged, strict=False)
        ]

    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    return Trial(
        policy,
        str(sample),
        len(sample.signals),
        np.bincount(bins, minlength=BINS).tolist(),
        told(order),
        told(new) if old is not None else [],
        told(let_go),
        {action: int((scores >= least).sum()) for action, least in policy.actions.items()},
        len(new),
        len(let_go),
    )


def _scores(sample: Sample, compiled: CompiledPolicies) -> NDArray[np.float64]:
    return compiled.look(list(sample.signals)).scores[:, 0] if sample.signals else np.zeros(0)


def outcome_of(policy: Policy | None, score: float) -> str:
    return "allow" if policy is None or score < policy.lowest else policy.severest(score)[0]
