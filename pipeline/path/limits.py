"""The limits of policies at work: images are counted as they are decided, and a policy that went over is held."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock

import structlog

from pipeline.ports import Hooks, Standings
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import Judgement
from pipeline.rules.limits.holding import Holding, Over
from pipeline.signals import Signals

_log = structlog.get_logger(__name__)


class PolicyLimits:
    """One for a worker; safe to call from many threads. Where no policy has a limit, an image costs nothing."""

    def __init__(self, hooks: Hooks, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._hooks = hooks
        self._holding = Holding()
        self._followed = ""
        self._release_asked = False
        self._lock = Lock()

    def held_after(
        self, content: str, signals: Signals, judgement: Judgement, compiled: CompiledPolicies, now: float
    ) -> Mapping[str, Over]:
        """Count an image, and say which policies are held by then. `content` is the hash of its bytes."""
        policy_set = compiled.policy_set
        if policy_set.version == self._followed and not self._holding.limited:
            return {}
        with self._lock:
            self._release_if_asked(now)
            if policy_set.version != self._followed:
                self._holding.follow(policy_set.version, policy_set.policies)
                self._followed = policy_set.version
                self._tell()
            for over in self._holding.count(now, content, signals, judgement):
                until = "its file changes, or the worker has SIGUSR1; what it would block goes to review"
                _log.error("policy_held", policy=over.policy, version=over.version, why=str(over), until=until)
                self._tell()
            return self._holding.held

    def held(self) -> str | None:
        """Which policies are held, in words; None where none is."""
        with self._lock:
            return "; ".join(str(over) for over in self._holding.held.values()) or None

    def release(self) -> None:
        """Let every held policy block again from the next image on. It sets a flag, as a signal's handler may do."""
        self._release_asked = True

    def share(self, standings: Standings) -> None:
        """Compare with what other workers say; `standings` is asked beside the images, which wait for nothing."""
        with self._lock:
            names, before = self._holding.names, self._holding.held
        others = standings.get(names) if names else None
        if others is None:
            return
        with self._lock:
            told = self._holding.compared(others, self._now())
            after = self._holding.held
            if after.keys() != before.keys():
                _log.warning("limits_shared", held=sorted(after), held_before=sorted(before))
                self._tell()
        standings.put(told)

    def _release_if_asked(self, now: float) -> None:
        if self._release_asked:
            self._release_asked = False
            for policy in list(self._holding.held):
                self._holding.release(policy, now)
                _log.warning("policy_released", policy=policy)
            self._tell()

    def _tell(self) -> None:
        held = self._holding.held
        self._hooks.held({policy: policy in held for policy in self._holding.limited})
