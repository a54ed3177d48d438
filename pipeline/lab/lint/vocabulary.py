"""What everyday things are called, as the model sees them: the measure of whether it knows another wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.rules.heads.head import Array
from pipeline.signals import Features


@dataclass(frozen=True)
class Vocabulary:
    """Phrases that most models know, with their features."""

    phrases: tuple[str, ...]
    features: Features
    """``float32[N,D]``, through the templates of the folder."""

    @classmethod
    def of(cls, features: Mapping[str, Features]) -> Vocabulary:
        return cls(tuple(features), np.stack(list(features.values())))

    def nearness(self, features: Features) -> Array:
        """``float32[M,D]`` to ``float64[M]``: how far the nearest phrase stands out among all of them.

        It is that phrase's cosine, in standard deviations from the mean of all cosines, so that it means the same for
        models whose sentences lie close together and for those whose lie far apart.
        """
        cosines = (features @ self.features.T).astype(np.float64)
        spread = np.maximum(cosines.std(axis=1), np.finfo(np.float32).tiny)
        return np.asarray((cosines.max(axis=1) - cosines.mean(axis=1)) / spread)

    def nearest(self, feature: Features, most: int) -> list[tuple[str, float]]:
        """The phrases nearest to ``float32[D]`` with their cosines, the nearest first."""
        cosines = self.features @ feature
        order = np.argsort(-cosines, kind="stable")[:most]
        return [(self.phrases[index], float(cosines[index])) for index in order.tolist()]
