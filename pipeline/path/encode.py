"""encode: the pixels of all items go through the model in one call, and their features are remembered."""

from __future__ import annotations

import numpy as np

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch
from pipeline.ports import Encoder, FeatureCache, Hooks, Remembered

NOT_FINITE = "features that are not finite; try dtype float32"


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
        # No comparison with NaN is true, so an image with such features would pass every threshold unseen.
        finite = np.isfinite(features.sum(axis=1)).tolist()
        start, remembered = 0, dict[str, Remembered]()
        for item, pixels in waiting:
            stop = start + len(pixels)
            item.pixels = None
            if all(finite[start:stop]):
                item.features = features[start:stop]
                remembered[item.content_sha256] = (item.features, item.frames)
            else:
                item.fail(self.name, ItemError(Reason.STAGE_FAILED, NOT_FINITE))
            start = stop
        self._cache.put(remembered)
        return batch
