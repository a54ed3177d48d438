"""The policies that people are asked about, as their folder has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.rules.policies.policy_set import Policy

KEPT = 5.0
"""Seconds for which they count as read."""


@dataclass(frozen=True)
class Asked:
    """Those that are not off, by id; `trouble` says why there are none."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    trouble: str = ""

    @property
    def actions(self) -> Mapping[str, Mapping[str, float]]:
        return {
            name: {str(action): least for action, least in each.actions.items()}
            for name, each in self.policies.items()
        }


class AskedPolicies:
    """Reads the folder when it is asked, and keeps the last sound set. Safe to share."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = Lock()
        self._read = -KEPT
        self._last = Asked()

    def now(self) -> Asked:
        with self._lock:
            if self._clock() - self._read >= KEPT:
                self._read = self._clock()
                try:
                    found = {each.id: each for each in policies_in(self._folder).policies if each.mode != "off"}
                    self._last = Asked(found)
                except UsageError as error:
                    self._last = Asked(self._last.policies, str(error))
            return self._last
