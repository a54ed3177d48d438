"""encode: the pixels of all items go through the model in one call and become signals, which the cache keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Item
from pipeline.ports import Encoder, FeatureCache, Hooks
from pipeline.rules.archive.remembered import as_kept
from pipeline.signals import Features, Provenance, Regions, Signals

NOT_FINITE = "features that are not finite; try dtype float32"


class Encode:
    """Makes one forward pass over the views of a whole batch."""

    name = "encode"

    def __init__(self, encoder: Encoder, made_by: Provenance, cache: FeatureCache, hooks: Hooks) -> None:
        """`made_by` names the encoder's model and the decoder's preprocessing."""
        self._encoder = encoder
        self._made_by = made_by
        self._cache = cache
        self._hooks = hooks

    def __call__(self, batch: Batch) -> Batch:
        """Fill `signals` and let go of `pixels` and `regions`. Raises `EncoderError` when the device fails."""
        late = self._hashed_late(batch)
        waiting = [
            (item, item.pixels, item.regions)
            for item in batch.unfailed()
            if item.pixels is not None and item.regions is not None
        ]
        if not waiting:
            self._cache.put(late)
            return batch
        features = self._encoder.encode_images(np.concatenate([each for _, each, _ in waiting]))
        self._hooks.encoded(len(features))
        # No comparison with NaN is true, so an image with such features would pass every threshold unseen.
        finite = np.isfinite(features.sum(axis=1)).tolist()
        features = as_kept(features)
        start, found = 0, late
        for item, _, regions in waiting:
            stop = start + len(regions)
            item.pixels = item.regions = None
            if all(finite[start:stop]):
                item.signals = self._signals(item, features[start:stop], regions)
                found[item.content_sha256] = item.signals
            else:
                item.fail(self.name, ItemError(Reason.STAGE_FAILED, NOT_FINITE))
            start = stop
        self._cache.put(found)
        return batch

    def _signals(self, item: Item, features: Features, regions: Regions) -> Signals:
        return Signals(
            features, regions, self._made_by, item.unseen, content_sha256=item.content_sha256, pdq=item.pdq
        )

    def _hashed_late(self, batch: Batch) -> dict[str, Signals]:
        """Signals that were recalled without the PDQ hashes that a list has come to need, now with them."""
        found: dict[str, Signals] = {}
        for item in batch.unfailed():
            if item.signals is not None and item.signals.pdq is None and item.pdq is not None:
                item.signals = found[item.content_sha256] = replace(item.signals, pdq=item.pdq)
        return found
