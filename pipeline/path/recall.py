"""recall: an image whose signals are remembered by its content hash needs no decoding and no encoding."""

from __future__ import annotations

from pipeline.items import Batch
from pipeline.ports import FeatureCache, Hooks


class Recall:
    """Signals depend on the bytes, the model and the preprocessing alone, so they outlive a policy edit."""

    name = "recall"

    def __init__(self, cache: FeatureCache, hooks: Hooks) -> None:
        self._cache = cache
        self._hooks = hooks

    def __call__(self, batch: Batch) -> Batch:
        """Fill `signals` of the items that are remembered; asks the cache once for the whole batch."""
        items = list(batch.unfailed())
        found = self._cache.get([item.content_sha256 for item in items])
        hits = 0
        for item in items:
            item.signals = found.get(item.content_sha256)
            hits += item.signals is not None
        self._hooks.feature_cache("hit", hits)
        self._hooks.feature_cache("miss", len(items) - hits)
        return batch
