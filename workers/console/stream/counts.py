"""How many answers there were, by what they say, in each step of time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import floor
from threading import Lock

from pipeline.wire import DeadLetter
from workers.console.stream.answers import Passing

Key = tuple[str, str]
"""What is counted, such as ``("verdict", "block")`` or ``("policy", "weapons")``."""
LONGEST = 100
"""Characters of a name; a stranger's may have thousands."""
Rows = list[tuple[float, list[tuple[str, str, int]]]]
"""Steps as a file has them."""
MOST_KEYS = 500
"""Kinds that one step tells apart; a topic that strangers write to may name as many policies as it likes."""


@dataclass(slots=True)
class Step:
    """The counts of the seconds from `at` on."""

    at: float
    counts: Counter[Key] = field(default_factory=Counter)


class Steps:
    """The counts of the last `kept` steps, of `seconds` each. Steps in which nothing came are left out.

    Safe to use from any thread.
    """

    def __init__(self, seconds: float, kept: int) -> None:
        self.seconds = seconds
        self.kept = kept
        self._lock = Lock()
        self._steps: deque[Step] = deque()

    def add(self, now: float, keys: Iterator[Key]) -> None:
        at = floor(now / self.seconds) * self.seconds
        with self._lock:
            while self._steps and self._steps[-1].at > at + self.seconds:  # the clock was set back
                self._steps.pop()
            if not self._steps or self._steps[-1].at < at:
                self._steps.append(Step(at))
                while self._steps[0].at <= at - self.seconds * self.kept:
                    self._steps.popleft()
            counts = self._steps[-1].counts
            for key in keys:
                if key in counts or len(counts) < MOST_KEYS:
                    counts[key] += 1

    def since(self, at: float) -> list[Step]:
        """The steps from that time on; those who ask must not change them."""
        with self._lock:
            found = [step for step in self._steps if step.at + self.seconds > at]
            if found and found[-1] is self._steps[-1]:  # it is still counted in
                found[-1] = Step(found[-1].at, found[-1].counts.copy())
            return found

    def rows(self) -> Rows:
        """All of it, to be kept in a file."""
        return [(step.at, [(*key, count) for key, count in step.counts.items()]) for step in self.since(0)]

    def recall(self, rows: Rows, now: float) -> None:
        """Take what `rows` gave once, of the time that is kept."""
        begins = now - self.seconds * self.kept
        with self._lock:
            there = {step.at for step in self._steps}
            old = [
                Step(at, Counter({(kind, name): count for kind, name, count in counts[:MOST_KEYS]}))
                for at, counts in rows
                if begins < at <= now and at not in there
            ]
            self._steps = deque(sorted([*old, *self._steps], key=lambda step: step.at))


def keys_of(answer: Passing) -> Iterator[Key]:
    """Under which keys an answer counts."""
    said = answer.said
    if isinstance(said, DeadLetter):
        yield "verdict", "dead letter"
        yield "reason", said.reason[:LONGEST]
        return
    yield "verdict", said.verdict
    for match in said.matches:
        yield "policy", match.policy[:LONGEST]
    for match in said.shadow:
        yield "shadow", match.policy[:LONGEST]
