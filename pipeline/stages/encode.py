"""encode: the pixels of all items go through the model in one call, and their features are remembered."""

from __future__ import annotations

import numpy as np

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Features, Item
from pipeline.ports import Encoder, FeatureCache, Hooks


class Encode:
    """One forward pass over the views of a whole batch."""

    name = "encode"

    def __init__(self, encoder: Encoder, cache: FeatureCache, hooks: Hooks) -> None:
        self._encoder = encoder
        self._cache = cache
        self._hooks = hooks

    def __call__(self, batch: Batch) -> Batch:
        """Fill `features` and let go of `pixels`."""
        waiting = [(item, item.pixels) for item in batch.live() if item.pixels is not None]
        if not waiting:
            return batch
        features = self._encoder.encode_images(np.concatenate([pixels for _, pixels in waiting]))
        self._hooks.encoded(len(features))
        start = 0
        for item, pixels in waiting:
            self._keep(item, features[start : start + len(pixels)])
            start += len(pixels)
        return batch

    def _keep(self, item: Item, features: Features) -> None:
        item.pixels = None
        if not np.isfinite(features).all():
            # No comparison with NaN is true, so such an image would pass every threshold unseen.
            item.fail(self.name, ItemError(Reason.STAGE_FAILED, "features that are not finite; try dtype float32"))
            return
        item.features = features
        self._cache.put(item.content_sha256, features, item.frames)
