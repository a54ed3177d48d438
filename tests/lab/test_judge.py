"""Precision counts every emoji the same, however many of its scenes were drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from pipeline.lab.judge import judge
from pipeline.lab.lexicon import index_of
from pipeline.rules.policy_set import Policy
from pipeline.rules.scoring import Scores

TOBACCO = Policy(id="tobacco", title="Tobacco", prompts=("a cigarette",), actions={"label": 0.5, "block": 0.9})


@dataclass
class Scored:
    """Stands for compiled policies: gives back the scores it was made with."""

    given: np.ndarray
    policies: tuple[Policy, ...] = (TOBACCO,)

    def score(self, features: np.ndarray) -> Scores:
        return Scores(self.given, self.given, self.given)


def test_precision_and_recall_of_each_threshold() -> None:
    """Four scenes of a cigarette, three found; two of a dog, one flagged: as if 0.75 met 0.5."""
    shown = np.array([index_of("cigarette")] * 4 + [index_of("dog")] * 2)
    scores = np.array([0.95, 0.9, 0.6, 0.1, 0.7, 0.2])[:, None]
    low, high = judge(Scored(scores), np.zeros((6, 1)), shown)  # type: ignore[arg-type]
    assert (low.action, low.recall, low.false_flags, low.harmless) == ("label", 0.75, 1, 2)
    assert low.precision == pytest.approx(0.75 / 1.25)
    assert (high.precision, high.recall, high.false_flags) == (1.0, 0.5, 0)
