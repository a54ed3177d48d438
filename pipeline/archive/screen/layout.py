"""The sentences of one or more plans in one matrix, with the lines of those backgrounds that must be summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.screen.plan import Plan
from pipeline.signals import Features


@dataclass(frozen=True, slots=True)
class Layout:
    """Texts of several plans as the columns of their logits, and where each plan finds its own among them."""

    plans: Sequence[Plan]
    texts: Features
    """``float32[T,D]``: the plans' sentences, those that are equal to the bit once, then the backgrounds."""
    sentences: int
    """How many of them are no lines of a background that is summed."""
    where: tuple[NDArray[np.intp], ...]
    """For each plan the columns of its sentences."""
    sums: dict[str, slice]
    """By a background's digest the columns of its lines, for those that are summed."""

    @classmethod
    def of(cls, plans: Sequence[Plan], stored: Sequence[bool]) -> Layout:
        """`stored` says of each plan whether the sum over its background is known for all rows."""
        rows, index = list[Features](), dict[bytes, int]()
        for row in (row for plan in plans for row in plan.sentences):
            if index.setdefault(row.tobytes(), len(rows)) == len(rows):
                rows.append(row)
        where = tuple(np.array([index[row.tobytes()] for row in plan.sentences], np.intp) for plan in plans)
        texts = np.array(rows, np.float32).reshape(-1, max(plan.sentences.shape[1] for plan in plans))
        first, sums, parts = len(texts), dict[str, slice](), [texts]
        missing = {plan.digest: plan for plan, has in zip(plans, stored, strict=True) if plan.digest and not has}
        for digest, plan in missing.items():
            start = sum(map(len, parts))
            sums[digest] = slice(start, start + len(plan.background))
            parts.append(plan.background)
        return cls(plans, np.concatenate([part for part in parts if len(part)] or [texts]), first, where, sums)
