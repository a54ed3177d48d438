"""decide: features x the policies that are live by now -> a decision."""

from __future__ import annotations

from collections.abc import Callable

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
        decisions = decide(ready, self._live(), self._provenance, self._now())
        for (item, _), decision in zip(ready, decisions, strict=True):
            item.decision = decision
        return batch
