"""The series of the policies that decide now: they come and go with the policies."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import get_args

from pipeline.adapters.prometheus.declared import MODES, Metrics
from pipeline.wire import Action, Decision


class PolicySeries:
    """The series of the policies that decide now, looked up once for each set of policies and not for each image."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = Lock()
        self._set = ""
        self._observe: dict[str, Callable[[float], None]] = {}
        self._matched: dict[tuple[str, str, str], Callable[[], None]] = {}

    def count(self, decision: Decision) -> None:
        """Count a decision's scores and matches."""
        with self._lock:
            if decision.policy_set != self._set:
                self._follow(decision)
            observe, matched = self._observe, self._matched
        for policy, score in decision.scores.items():
            observe[policy](score)
        for match in decision.matches:
            matched[match.policy, match.action, "enforce"]()
        for match in decision.shadow:
            matched[match.policy, match.action, "shadow"]()

    def _follow(self, decision: Decision) -> None:
        """Batches are answered in order, so the first decision by a new set is the end of the old one's series."""
        for policy in self._observe.keys() - decision.scores.keys():
            self._metrics.scores.remove(policy)
        for labels in [labels for labels in self._matched if labels[0] not in decision.scores]:
            self._metrics.matches.remove(*labels)
        self._set = decision.policy_set
        self._observe = {policy: self._metrics.scores.labels(policy).observe for policy in decision.scores}
        self._matched = {
            (policy, action, mode): self._metrics.matches.labels(policy, action, mode).inc
            for policy in decision.scores
            for action in get_args(Action)
            for mode in MODES
        }
