"""The series of the policies that decide now: they come and go with the policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import get_args

from pipeline.adapters.prometheus.declared import MODES, Metrics
from pipeline.wire import Action, Decision, Match


@dataclass(frozen=True, slots=True)
class _Series:
    """Where the policies of one set are counted."""

    policy_set: str = ""
    observe: Mapping[str, Callable[[float], None]] = field(default_factory=dict)
    """For each policy, what takes a score of it."""
    matched: Mapping[tuple[str, str, str], Callable[[], None]] = field(default_factory=dict)
    """For each policy, action and mode, what counts a match."""

    def count(self, decision: Decision) -> None:
        """Count what the decision says of these policies; what it says of others has no series."""
        for policy, score in decision.scores.items():
            if (observe := self.observe.get(policy)) is not None:
                observe(score)
        self._count(decision.matches, "enforce")
        self._count(decision.shadow, "shadow")

    def _count(self, matches: list[Match], mode: str) -> None:
        for match in matches:
            if (matched := self.matched.get((match.policy, match.action, mode))) is not None:
                matched()


class PolicySeries:
    """The series of the policies that decide now, looked up once for each set of policies and not for each image.

    Around an edit, decisions by the old set and the new one are acknowledged in any order, since several threads
    decide and publish. The series become the new set's with the first decision by the set that was `loaded` last. A
    decision by any other set counts where the policies have series, and neither makes nor removes one: else counters
    would start over each time, and a policy that is gone would come back for good.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = Lock()
        self._newest: str | None = None
        self._series = _Series()

    def loaded(self, policy_set: str) -> None:
        """From now on that version is live, though decisions by the one before are still to come."""
        self._newest = policy_set

    def count(self, decision: Decision) -> None:
        series = self._series
        if decision.policy_set != series.policy_set:
            series = self._after(decision)
        series.count(decision)

    def _after(self, decision: Decision) -> _Series:
        """The series in which to count a decision by another set than theirs."""
        with self._lock:
            followed = self._series.policy_set
            newest = self._newest if self._newest is not None else followed or decision.policy_set
            if decision.policy_set == newest != followed:
                self._follow(decision)
            return self._series

    def _follow(self, decision: Decision) -> None:
        for policy in self._series.observe.keys() - decision.scores.keys():
            self._metrics.scores.remove(policy)
        for labels in [labels for labels in self._series.matched if labels[0] not in decision.scores]:
            self._metrics.matches.remove(*labels)
        self._series = _Series(
            decision.policy_set,
            {policy: self._metrics.scores.labels(policy).observe for policy in decision.scores},
            {
                (policy, action, mode): self._metrics.matches.labels(policy, action, mode).inc
                for policy in decision.scores
                for action in get_args(Action)
                for mode in MODES
            },
        )
