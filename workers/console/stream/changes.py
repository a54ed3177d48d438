"""What changed while the console looked on: policy sets, models, restarts, the stream itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from pipeline.wire import Decision
from workers.console.stream.answers import Passing

KEPT = 200
SAID = {"policies": "policy set {} decides", "model": "model {} decides", "release": "version {} of Sluice runs"}
TAKING_OVER = 30.0
"""Seconds in which workers of two policy sets may answer side by side: each takes up an edit in its own time."""


Seen = tuple[str, str, float]
"""A kind of what is at work, which it is, and when it was last seen."""


@dataclass(frozen=True, slots=True)
class Change:
    at: float
    kind: str
    what: str


class Changes:
    """The last `KEPT` of them. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._changes: deque[Change] = deque(maxlen=KEPT)
        self._seen: dict[tuple[str, str], float] = {}

    def note(self, change: Change) -> None:
        with self._lock:
            self._changes.append(change)

    def since(self, at: float) -> list[Change]:
        """In the order in which they came."""
        with self._lock:
            return [each for each in self._changes if each.at >= at]

    def remembered(self) -> tuple[list[Change], list[Seen]]:
        """To be kept in a file: the changes, and what was at work."""
        with self._lock:
            return list(self._changes), [(*what, at) for what, at in self._seen.items()]

    def recall(self, kept: Sequence[Change], seen: Sequence[Seen]) -> None:
        """Take what `remembered` gave once: what is at work now and was not then will be a change."""
        with self._lock:
            self._changes = deque([*kept, *self._changes], maxlen=KEPT)
            self._seen = {(kind, value): at for kind, value, at in seen[-KEPT:]} | self._seen

    def heed(self, answer: Passing) -> None:
        """See by a decision whether other policies or another model decide now."""
        if isinstance(answer.said, Decision):
            model = answer.said.model
            self.saw("policies", answer.said.policy_set)
            self.saw("model", f"{model.name}@{model.fingerprint}")

    def saw(self, kind: str, value: str) -> None:
        """Something of that kind, of those in `SAID`, is at work now; a change where it was another until then."""
        with self._lock:
            self._see(kind, value, self._clock())

    def _see(self, kind: str, value: str, now: float) -> None:
        known = self._seen.get((kind, value))
        if known is None or now - known > TAKING_OVER:
            first = not any(each == kind for each, _ in self._seen)
            others = [at for (each, other), at in self._seen.items() if each == kind and other != value]
            if not first and (known is None or max(others, default=0.0) > known):
                self._changes.append(Change(now, kind, SAID[kind].format(value)))
        self._seen[kind, value] = now
        if len(self._seen) > KEPT:
            del self._seen[min(self._seen, key=lambda each: self._seen[each])]
