"""The sentences of one or more plans as the columns of one product, and what each adds to which sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.screen.plan import Plan, Selection
from pipeline.signals import Features

Columns = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Layout:
    """T texts, those that are equal to the bit once, and the sums of K policies, one plan's after the other's."""

    texts: Features
    """``float32[T,D]``"""
    own: Selection
    """``float32[T,K]``: how often a text counts in a policy's own sum."""
    against: Selection
    """The same of what stands against it."""
    left_out: Selection
    """The same of what the background's stored sum has, and must not have for that policy."""

    @classmethod
    def of(cls, plans: Sequence[Plan], stored: Sequence[bool]) -> Layout:
        """`stored` says of each plan whether the sum over its background is known for all rows."""
        index, policies = dict[bytes, int](), sum(plan.policies for plan in plans)
        parts = list[tuple[Columns, slice, Selection, Selection, Selection]]()
        first = 0
        for plan, known in zip(plans, stored, strict=True):
            mine = slice(first, first := first + plan.policies)
            needed = plan.own + plan.further + (plan.left_out if known else 0)
            rows = np.flatnonzero(needed.any(axis=1))
            left_out = plan.left_out if known else np.zeros_like(plan.left_out)
            at = _at(index, plan.sentences[rows])
            parts.append((at, mine, plan.own[rows], plan.further[rows], left_out[rows]))
            if not known:
                nothing = np.zeros_like(plan.lines)
                parts.append((_at(index, plan.background), mine, nothing, plan.lines, nothing))
        own, against, left_out = sums = np.zeros((3, len(index), policies), np.float32)
        for at, mine, *added in parts:
            for to, some in zip(sums, added, strict=True):
                np.add.at(to[:, mine], at, some)
        dimension = max(plan.sentences.shape[1] for plan in plans)
        texts = np.frombuffer(b"".join(index), np.float32).reshape(-1, dimension)
        return cls(texts, own, against, left_out)

    @property
    def against_alone(self) -> Columns:
        """The texts without which a bound from above is one still: they only stand against policies."""
        return np.flatnonzero(~(self.own + self.left_out).any(axis=1))

    def some(self, columns: Columns) -> Layout:
        """With these texts alone."""
        return Layout(*(each[columns] for each in (self.texts, self.own, self.against, self.left_out)))


def _at(index: dict[bytes, int], texts: Iterable[NDArray[np.float32]]) -> Columns:
    return np.array([index.setdefault(text.tobytes(), len(index)) for text in texts], np.intp)
