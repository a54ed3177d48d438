"""The limits of policies at work: images are counted as they are decided, and a policy that went over is held."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock

import structlog

from pipeline.ports import FleetCounts, Hooks, Standings
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import Judgement
from pipeline.rules.limits.counts import counts_of, together
from pipeline.rules.limits.holding import Holding, Over
from pipeline.rules.limits.standing import Standing
from pipeline.rules.policies.policy_set import PolicySet
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
        self._together: int | None = None
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
            self._follow(policy_set)
            for over in self._holding.count(now, content, signals, judgement):
                self._say(over, workers=1)
            return self._holding.held

    def follow(self, policy_set: PolicySet) -> None:
        """These policies are live: hear what others say of them before the first image comes."""
        with self._lock:
            self._follow(policy_set)

    def held(self) -> str | None:
        """Which policies are held, in words; None where none is."""
        with self._lock:
            return "; ".join(str(over) for over in self._holding.held.values()) or None

    def release(self) -> None:
        """Let every held policy block again from the next image on. It sets a flag, as a signal's handler may do."""
        self._release_asked = True

    def share(self, standings: Standings, counts: FleetCounts) -> None:
        """Compare with what other workers say; both are asked beside the images, which wait for nothing."""
        with self._lock:
            names, before = self._holding.names, self._holding.held
        if not names:
            return
        others = standings.get(names)
        if others is None:
            self._goes_by(0)
            return
        with self._lock:
            told = self._holding.compared(others, self._now())
            after = self._holding.held
            if after.keys() != before.keys():
                _log.warning("limits_shared", held=sorted(after), held_before=sorted(before))
                self._tell()
        standings.put({**told, **self._pool(counts)})

    def _follow(self, policy_set: PolicySet) -> None:
        if policy_set.version != self._followed:
            self._holding.follow(policy_set.version, policy_set.policies)
            self._followed = policy_set.version
            self._tell()

    def _pool(self, counts: FleetCounts) -> dict[str, Standing]:
        """Hold policies by what all workers counted together; what the others are to be told of it."""
        with self._lock:
            now, seen = self._now(), self._holding.counted(self._now())
        mine = counts_of(seen)
        others = counts.exchange(mine)
        self._goes_by(0 if others is None else 1 + len(others))
        found: dict[str, Standing] = {}
        for name, count in mine.items():
            beyond = together(name, count, others or (), seen[name].limits.rate)
            if beyond is not None:
                found[name] = Standing(round(now, 3), flagged=beyond[1], images=beyond[0])
        with self._lock:
            held = {name: self._holding.hold(name, seen[name].since, each) for name, each in found.items()}
            for over in filter(None, held.values()):
                self._say(over, workers=1 + len(others or ()))
        return {name: found[name] for name, over in held.items() if over is not None}

    def _goes_by(self, workers: int) -> None:
        """Say once when limits go by this worker's images alone, and when they no longer do."""
        if workers == 0 and self._together != 0:
            _log.warning("limits_alone", consequence="limits go by what this worker sees until Redis is back")
        elif workers and self._together == 0:
            _log.info("limits_together", workers=workers)
        if workers != self._together:
            self._hooks.limits_go_by(workers)
        self._together = workers

    def _say(self, over: Over, workers: int) -> None:
        until = "its file changes, or it is released; what it would block goes to review"
        named = {"policy": over.policy, "version": over.version, "workers": workers}
        _log.error("policy_held", **named, why=str(over), until=until)
        self._tell()

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
