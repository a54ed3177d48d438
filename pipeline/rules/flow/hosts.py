"""Which claim check is asked for next: host by host, so that one that is slow or away costs the others nothing.

A host is *away* from the first failure that may pass until it answers anything at all. Then one claim at a time tries
it, with growing pauses, and all others for it wait. Where the host answers other claims meanwhile, the fault is the
claim's own, and it is given up after a few tries.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

TRIES = 3
"""Tries of a claim whose host answers other claims."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two tries of a host that is away; each is twice the one before."""

Work = TypeVar("Work")


@dataclass(slots=True, eq=False)
class Pending(Generic[Work]):
    """One claim that waits for its host. `since` is when it came, `failed_at` when it failed first, in seconds."""

    host: str
    work: Work
    since: float
    failed_at: float | None = None
    tries: int = 0


@dataclass(slots=True, eq=False)
class _Host(Generic[Work]):
    waiting: deque[Pending[Work]] = field(default_factory=deque)
    running: int = 0
    answered_at: float = float("-inf")
    away_since: float | None = None
    pause: float = 0.0
    due: float = 0.0

    def ready(self, now: float, most: int) -> bool:
        if not self.waiting:
            return False
        return self.running < most if self.away_since is None else not self.running and now >= self.due

    def leave(self, now: float) -> None:
        """Note that the host did not answer. Claims that were asked for side by side and fail count as one."""
        if self.away_since is not None and now < self.due:
            return
        self.away_since = now if self.away_since is None else self.away_since
        self.pause = min(max(FIRST_PAUSE, self.pause * 2), LONGEST_PAUSE)
        self.due = now + self.pause


class Hosts(Generic[Work]):
    """Claims by host; `most` are asked of one host at a time, and none waits longer than `patience` seconds for one.

    Not safe to share between threads: the caller holds a lock.
    """

    def __init__(self, most: int, patience: float) -> None:
        self._most = most
        self._patience = patience
        self._hosts: dict[str, _Host[Work]] = {}

    def add(self, host: str, work: Work, now: float) -> None:
        self._hosts.setdefault(host, _Host()).waiting.append(Pending(host, work, now))

    def take(self, now: float) -> Pending[Work] | None:
        """The claim to ask for now, if any; hosts take turns."""
        name = next((name for name, host in self._hosts.items() if host.ready(now, self._most)), None)
        if name is None:
            return None
        host = self._hosts[name] = self._hosts.pop(name)
        host.running += 1
        return host.waiting.popleft()

    def answered(self, pending: Pending[Work], now: float) -> None:
        """The host answered, be it with the image or with a refusal."""
        host = self._hosts[pending.host]
        host.running -= 1
        host.answered_at, host.away_since, host.pause = now, None, 0.0
        self._forget(pending.host)

    def failed(self, pending: Pending[Work], now: float) -> list[Pending[Work]]:
        """The host did not answer as it should, but may do so later. Returns the claims that are given up, if any."""
        host = self._hosts[pending.host]
        host.running -= 1
        pending.tries += 1
        pending.failed_at = now if pending.failed_at is None else pending.failed_at
        given_up: list[Pending[Work]] = []
        if host.answered_at > pending.failed_at:
            (given_up if pending.tries >= TRIES else host.waiting).append(pending)
        else:
            host.leave(now)
            host.waiting.append(pending)  # behind the others, which try next: the fault may be its own
            if host.away_since is not None and now - host.away_since >= self._patience:
                given_up = [each for each in host.waiting if now - each.since >= self._patience]
                host.waiting = deque(each for each in host.waiting if now - each.since < self._patience)
        self._forget(pending.host)
        return given_up

    def due_in(self, now: float) -> float | None:
        """Seconds until some host that is away is to be tried again; None where none is."""
        dues = (
            host.due - now
            for host in self._hosts.values()
            if host.away_since is not None and host.waiting and not host.running
        )
        return min(map(_not_negative, dues), default=None)

    def away(self, now: float) -> dict[str, float]:
        """The hosts that claims wait for because they do not answer, and for how many seconds they have not."""
        return {
            name: now - host.away_since
            for name, host in self._hosts.items()
            if host.away_since is not None and (host.waiting or host.running)
        }

    @property
    def waiting(self) -> int:
        return sum(len(host.waiting) for host in self._hosts.values())

    @property
    def running(self) -> int:
        """How many claims are being fetched."""
        return sum(host.running for host in self._hosts.values())

    def busy(self) -> bool:
        """Whether any claim is being fetched, or waits for a host that is not away."""
        return any(host.running or (host.waiting and host.away_since is None) for host in self._hosts.values())

    def _forget(self, name: str) -> None:
        """Drop a host that nothing waits for: strangers name hosts, so their number has no bound."""
        host = self._hosts[name]
        if not host.waiting and not host.running:
            del self._hosts[name]


def _not_negative(seconds: float) -> float:
    return max(0.0, seconds)
