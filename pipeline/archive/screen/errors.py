"""How far a logit in float32 may be from the one that judges, which is computed in float64."""

from __future__ import annotations

import numpy as np

from pipeline.archive.float32 import UNIT, of_product
from pipeline.signals import Features

LENGTH = 1.01
"""No features are longer than that: they were rounded to float16 after they had been made of length 1."""
STORED = 1e-3
"""By how much a stored log-sum-exp may differ from that of the texts at hand. It was rounded to float32, which is
1e-5, and its texts may have been encoded on another machine; `Stored` looks at some of each segment."""

ROUNDED = 2.0**-16
"""More than float32 loses of an exponential, as a logarithm, and of its exponent."""


def of_logits(texts: Features, scale: float) -> float:
    """The most that a logit errs, before it becomes an exponent."""
    dimension, longest = texts.shape[1], float(np.linalg.norm(texts.astype(np.float64), axis=1).max(initial=1.0))
    return float(abs(scale) * longest * LENGTH * (of_product(dimension) + 4 * UNIT))


def of_sums(terms: int, largest: float) -> float:
    """The most, as a logarithm, that a sum of exponentials errs beside its logits.

    It has that many terms, and exponents up to `largest` in size.
    """
    return (terms + 32) * UNIT + 8 * abs(largest) * UNIT
