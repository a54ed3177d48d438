"""Scores a data set's images under policies, as decisions do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.data.extract import Extracted
from pipeline.rules.heads import CompiledPolicies

_CHUNK = 1024
"""Images scored at once. Their numerators are float64 for every sentence, 12 MB for the shipped policies."""


def image_scores(extracted: Extracted, compiled: CompiledPolicies) -> NDArray[np.float64]:
    """``float64[N,K]``: each example's score under each policy, the worst view counting, rounded as in a decision."""
    parts = [compiled.look(part.signals).scores for part in extracted.chunks(_CHUNK)]
    return np.concatenate([np.zeros((0, len(compiled.policies))), *parts])
