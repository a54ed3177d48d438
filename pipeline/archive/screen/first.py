"""Which texts are compared first: those that settle most rows, so that few rows are compared with the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.screen.layout import Columns, Layout
from pipeline.archive.screen.sums import Scores
from pipeline.rules.heads.head import Array

SAMPLE = 512
"""Rows of which it is learnt."""
_AGAIN = 24
"""What a row that is looked at twice costs beside its products, in texts."""
_USUAL = 40.0
"""Greatest exponent that a sampled row has once `shift` is taken of it; others may have a third more."""


class Sample(NamedTuple):
    """Some rows: their logits by all texts of a layout, and what is stored of their backgrounds."""

    logits: torch.Tensor
    """``float32[N,T]``"""
    stored: list[torch.Tensor | None]
    """For each plan, ``float32[N]``."""

    @classmethod
    def of(
        cls,
        layout: Layout,
        scale: float,
        features: NDArray[np.float16],
        stored: list[torch.Tensor | None],
    ) -> Sample:
        logits = torch.from_numpy(features.astype(np.float32)) @ torch.from_numpy(layout.texts.T * np.float32(scale))
        return cls(logits, stored)

    @property
    def shift(self) -> float:
        """What is to be taken of all exponents, so that float32 has room for them."""
        return max(0.0, float(self.logits.max()) - _USUAL) if self.logits.numel() else 0.0


def columns_first(
    layout: Layout, sample: Sample, scores: Scores, policies: list[int], least: Array
) -> tuple[Columns, Columns]:
    """The columns of a layout that are compared first, and the others, which may be none.

    `scores` has the sample's `shift`. `least` is ``float64[K]``: the scores that matter.
    """
    weights = (sample.logits - sample.shift).exp_()
    maybe = layout.against_alone
    shares = (weights / weights.sum(dim=1, keepdim=True)).sum(dim=0).numpy()[maybe]
    maybe = maybe[np.argsort(-shares, kind="stable")]
    always = np.setdiff1d(np.arange(len(layout.texts)), maybe)
    weight, enough = scores.weight(sample.stored, policies), torch.from_numpy(least.astype(np.float32))
    found = list[tuple[float, int]]()
    for count in _counts(len(maybe)):
        columns = np.concatenate([always, maybe[:count]])
        here = layout.some(columns)
        sums = [weights[:, columns] @ torch.from_numpy(each) for each in (here.own, here.against, here.left_out)]
        left = float((scores.high(sums, weight) >= enough).any(dim=1).float().mean())
        further = len(maybe) - count
        found.append((len(columns) + (left * (further + _AGAIN) if further else 0.0), count))
    count = min(found)[1]
    return np.concatenate([always, maybe[:count]]), maybe[count:]


def _counts(most: int) -> list[int]:
    """Numbers that are tried: each a half greater than the last."""
    steps = [16 * 3**power // 2**power for power in range(32)]
    return [0, *(each for each in steps if each < most), most] if most else [0]
