"""decide: features x the policies that are live by now -> a decision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.items import Batch
from pipeline.rules.scoring import CompiledPolicies
from pipeline.rules.verdicts import Provenance, decide


class Decide:
    """`live` is asked once a batch, so that all items of a batch are decided by the same policies."""

    name = "decide"

    def __init__(
        self, live: Callable[[], CompiledPolicies], provenance: Provenance, now: Callable[[], float]
    ) -> None:
        self._live = live
        self._provenance = provenance
        self._now = now

    def __call__(self, batch: Batch) -> Batch:
        """Fill `decision`."""
        ready = [(item, item.features) for item in batch.live() if item.features is not None]
        if not ready:
            return batch
        compiled = self._live()
        scores = compiled.score(np.concatenate([features for _, features in ready]))
        now, start = self._now(), 0
        for item, features in ready:
            stop = start + len(features)
            item.decision = decide(item, scores.rows(start, stop), compiled, self._provenance, now)
            start = stop
        return batch
