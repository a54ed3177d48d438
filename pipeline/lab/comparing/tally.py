"""Counting what two policies said of each image. It grows with days, not with images."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.comparing.record import OUTCOMES, SIZE, Cells, Comparison, Day, Told
from pipeline.rules.redeciding import is_canary
from pipeline.wire import Decision

Outcomes = NDArray[np.int64]
"""Indices in `OUTCOMES`, one an image."""


class Lots:
    """Some of many images, each with the same chance: those with the lowest event ids, which are hashes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[str, Told]] = []

    def wants(self, event_id: str) -> bool:
        return self._most > 0 and (len(self._kept) < self._most or event_id < self._kept[-1][0])

    def keep(self, told: Told) -> None:
        """Take in one that is wanted."""
        if not any(told.event_id == kept for kept, _ in self._kept):
            insort(self._kept, (told.event_id, told), key=lambda each: each[0])
            del self._kept[self._most :]

    @property
    def kept(self) -> tuple[Told, ...]:
        return tuple(told for _, told in self._kept)


class _Day:
    def __init__(self) -> None:
        self.counts = np.zeros(SIZE * SIZE, np.int64)
        self.first, self.last = float("inf"), float("-inf")


class Tally:
    """Takes images in any order. `most` are told of by themselves, of those that only one of the two flags."""

    def __init__(self, a: str, b: str, most: int) -> None:
        self.a, self.b = a, b
        self.only_a, self.only_b = Lots(most), Lots(most)
        self._days: dict[str, _Day] = {}
        self.known: set[str] = set()
        """Policies that are scored in decisions where one of the two is not."""
        self._without = 0
        self._sets = Counter[str]()

    def add(self, day: str, a: Outcomes, b: Outcomes, first: float, last: float) -> None:
        """Count images of one day, by the outcomes of A and of B; they were decided from `first` to `last`."""
        kept = self._days.setdefault(day, _Day())
        kept.counts += np.bincount(SIZE * a + b, minlength=SIZE * SIZE)
        kept.first, kept.last = min(kept.first, first), max(kept.last, last)

    def add_set(self, policy_set: str, images: int) -> None:
        """So many of them were decided by that policy set."""
        self._sets[policy_set] += images

    def add_without(self, decisions: int, scored: Iterable[str]) -> None:
        """So many decisions are left out, since one of the two is not among the policies that are scored in them."""
        self._without += decisions
        self.known.update(scored)

    def add_decision(self, decision: Decision) -> None:
        """Count one decision, as a topic has it; canaries are left out, and what was decided anew."""
        scores = decision.scores
        if is_canary(decision.image_id) or decision.supersedes:
            return
        if self.a not in scores or self.b not in scores:
            self.add_without(1, scores)
            return
        taken = {match.policy: match.judged or match.action for match in (*decision.matches, *decision.shadow)}
        a, b = (OUTCOMES.index(taken.get(policy, "allow")) for policy in (self.a, self.b))
        at = datetime.fromisoformat(decision.decided_at).timestamp()
        self.add(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}", np.array([a]), np.array([b]), at, at)
        self.add_set(decision.policy_set, 1)
        lots = self.lots(a, b)
        if lots is not None and lots.wants(decision.event_id):
            lots.keep(
                Told(
                    image_id=decision.image_id,
                    event_id=decision.event_id,
                    decision_id=decision.decision_id,
                    decided_at=decision.decided_at,
                    scores=(scores[self.a], scores[self.b]),
                    outcomes=(OUTCOMES[a], OUTCOMES[b]),
                    source=decision.source,
                )
            )

    def lots(self, a: int, b: int) -> Lots | None:
        """Where an image with these outcomes may be told of: nowhere, if both flag it or neither does."""
        if bool(a) is bool(b):
            return None
        return self.only_a if a else self.only_b

    def whole(self, source: str) -> Comparison:
        """All that was counted."""
        days = tuple(
            Day(day=day, cells=_cells(each.counts), first=each.first, last=each.last)
            for day, each in sorted(self._days.items())
        )
        return Comparison(
            a=self.a,
            b=self.b,
            source=source,
            cells=_cells(sum((each.counts for each in self._days.values()), np.zeros(SIZE * SIZE, np.int64))),
            days=days,
            without=self._without,
            policy_sets=dict(self._sets.most_common()),
            only_a=self.only_a.kept,
            only_b=self.only_b.kept,
        )


def _cells(counts: NDArray[np.int64]) -> Cells:
    return Cells(tuple(counts.tolist()))
