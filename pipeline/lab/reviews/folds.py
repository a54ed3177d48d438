"""Which reviewed images are kept aside, so that a line is judged by some that it was not chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.alike import ALIKE
from pipeline.signals import Features

Flags = NDArray[np.bool_]
EVERY = 3
"""One of so many is kept aside."""
LEAST = 3
"""Images of either kind that must be aside, or none is: they would say nothing."""


def kept_aside(names: Sequence[str], features: Features, shows: Flags, flagged: Flags) -> Flags:
    """``bool[N]``: a third of the images, by a hash of their names, of those that show it as of those that do not.

    ``features: float32[N,D]``; images that are nearly the same stay together, since one would tell of the other. None
    is kept aside where too few are there.
    """
    order = sorted(range(len(names)), key=lambda at: sha256(names[at].encode()).digest())
    leads = _leads(features, order)
    aside = np.zeros(len(names), bool)
    for kind in (flagged & shows, flagged & ~shows, ~flagged & shows, ~flagged & ~shows):
        own = [at for at in order if leads[at] == at and kind[at]]
        aside |= np.isin(leads, own[EVERY - 1 :: EVERY])
    enough = (aside & shows).sum() >= LEAST and (aside & ~shows).sum() >= LEAST
    return aside if enough else np.zeros(len(names), bool)


def _leads(features: Features, order: Sequence[int]) -> NDArray[np.intp]:
    """For each image the first in that order that is nearly the same."""
    leads = np.arange(len(features))
    kept: list[int] = []
    matrix = np.empty_like(features)
    for at in order:
        cosines = matrix[: len(kept)] @ features[at]
        if kept and cosines.max() >= ALIKE:
            leads[at] = kept[int(cosines.argmax())]
        else:
            matrix[len(kept)] = features[at]
            kept.append(at)
    return leads
