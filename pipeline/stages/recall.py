"""recall: an image whose features are remembered by its content hash needs no decoding and no encoding."""

from __future__ import annotations

from pipeline.items import Batch
from pipeline.ports import FeatureCache, Hooks


class Recall:
    """Features depend on the bytes, the model and the preprocessing alone, so a policy edit forgets nothing."""

    name = "recall"

    def __init__(self, cache: FeatureCache, hooks: Hooks) -> None:
        self._cache = cache
        self._hooks = hooks

    def __call__(self, batch: Batch) -> Batch:
        """Fill `features` and `frames` of the items that are remembered."""
        hits = misses = 0
        for item in batch.live():
            remembered = self._cache.get(item.content_sha256)
            if remembered is None:
                misses += 1
            else:
                item.features, item.frames = remembered
                hits += 1
        self._hooks.feature_cache("hit", hits)
        self._hooks.feature_cache("miss", misses)
        return batch
