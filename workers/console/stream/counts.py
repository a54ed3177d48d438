"""How many answers there were, by what they say, in each step of time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import floor

from pipeline.wire import DeadLetter
from workers.console.stream.answers import Passing

Key = tuple[str, str]
"""What is counted, such as ``("verdict", "block")`` or ``("policy", "weapons")``."""
MOST_KEYS = 500
"""Kinds that one step tells apart; a topic that strangers write to may name as many policies as it likes."""


@dataclass(slots=True)
class Step:
    """The counts of the seconds from `at` on."""

    at: float
    counts: Counter[Key] = field(default_factory=Counter)


class Steps:
    """The counts of the last `kept` steps, of `seconds` each. Steps in which nothing came are left out."""

    def __init__(self, seconds: float, kept: int) -> None:
        self.seconds = seconds
        self.kept = kept
        self._steps: deque[Step] = deque()

    def add(self, now: float, keys: Iterator[Key]) -> None:
        at = floor(now / self.seconds) * self.seconds
        if not self._steps or self._steps[-1].at < at:
            self._steps.append(Step(at))
            while self._steps[0].at <= at - self.seconds * self.kept:
                self._steps.popleft()
        counts = self._steps[-1].counts
        for key in keys:
            if key in counts or len(counts) < MOST_KEYS:
                counts[key] += 1

    def since(self, at: float) -> list[Step]:
        return [step for step in self._steps if step.at + self.seconds > at]


def keys_of(answer: Passing) -> Iterator[Key]:
    """Under which keys an answer counts."""
    said = answer.said
    if isinstance(said, DeadLetter):
        yield "verdict", "dead letter"
        yield "reason", said.reason[:100]
        return
    yield "verdict", said.verdict
    for match in said.matches:
        yield "policy", match.policy
    for match in said.shadow:
        yield "shadow", match.policy
