"""What looks like a known picture: a cosine of features, for all pictures of a list in one product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.known.exact import Rows
from pipeline.signals import Features


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Pictures by their views. Build it with `Looks.of`."""

    views: NDArray[np.float64]
    """``float64[M,D]``"""
    owners: Rows
    """``intp[M]``: of which picture each view is."""

    @classmethod
    def of(cls, pictures: Sequence[Features]) -> Looks | None:
        """Of pictures with ``float32[V,D]`` each; None of none."""
        if not pictures:
            return None
        owners = np.repeat(np.arange(len(pictures)), [len(views) for views in pictures])
        return cls(np.concatenate(pictures).astype(np.float64), owners)

    def nearest(self, features: Features) -> tuple[Rows, NDArray[np.float64]]:
        """For each of ``float32[V,D]`` the picture that is nearest, and the cosine."""
        # float64, as scores are: in float32 the last digit would depend on who else is in the batch.
        cosines = features.astype(np.float64) @ self.views.T
        best = cosines.argmax(axis=1)
        return self.owners[best], cosines[np.arange(len(best)), best]
