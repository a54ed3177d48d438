"""Image features shared through Redis: an image that many workers see costs all of them one forward pass.

An image of V views takes 12 + V * (20 + 2 * D) bytes and a key of about 140. With D = 512, Redis counts 1.5 KB for a
picture of one view and 2.8 KB for one of two (transparency: on black and on white).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.adapters.feature_values import decode_image, encode_image, image_bytes
from pipeline.adapters.redis.connection import RedisConnection
from pipeline.ports import EncoderSpec, Hooks
from pipeline.signals import Provenance, Signals

PREFIX = "sluice:image:v5"
"""v4 stands for how Sluice looks at an image (views, frames, backdrops) and for the layout of the value."""
MOST_VIEWS = 1000
_DAY = 86_400.0


class RedisFeatureCache:
    """A `FeatureCache` in Redis, under ``sluice:image:v5:{fingerprint}:{dtype}:{preprocess}:{content sha256}``.

    What its entries were `made_by`, and the `limits` that decide how much of an image is looked at, are in its keys:
    workers that differ in the model, its dtype, the preprocessing or the limits share nothing. Scores may differ in
    the last digits from those of features of one's own, as they do between batches of different sizes.
    """

    def __init__(
        self,
        connection: RedisConnection,
        spec: EncoderSpec,
        made_by: Provenance,
        *,
        limits: str = "",
        max_views: int = MOST_VIEWS,
        keep: float = _DAY,
        hooks: Hooks | None = None,
    ) -> None:
        """`keep` is how many seconds an image is remembered, and `max_views` is the most that one may have."""
        self._connection = connection
        preprocess = f"{made_by.preprocess}-{limits}" if limits else made_by.preprocess
        self._prefix = f"{PREFIX}:{spec.fingerprint}:{spec.dtype}:{preprocess}:"
        self._made_by = made_by
        self._dimension = spec.features
        self._most = image_bytes(max_views, spec.features)
        self._keep = keep
        self._hooks = hooks or Hooks()

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        """What Redis has. An entry that cannot be read counts as an error and is left out."""
        wanted = list(dict.fromkeys(digests))
        values = self._connection.get([self._prefix + digest for digest in wanted], self._most)
        if values is None:
            self._hooks.shared_feature_cache("error", len(wanted))
            return {}
        found = {digest: value for digest, value in zip(wanted, values, strict=True) if value is not None}
        decoded = {digest: decode_image(value, self._dimension) for digest, value in found.items()}
        good = {
            digest: Signals(features, regions, self._made_by, unseen, content_sha256=digest)
            for digest, each in decoded.items()
            if each is not None
            for features, regions, unseen in [each]
        }
        self._hooks.shared_feature_cache("hit", len(good))
        self._hooks.shared_feature_cache("miss", len(wanted) - len(found))
        self._hooks.shared_feature_cache("error", len(found) - len(good))
        return good

    def put(self, signals: Mapping[str, Signals]) -> None:
        """Overwrites what was there, rubbish included."""
        if signals:
            entries = (
                (self._prefix + digest, encode_image(each.features, each.regions, each.unseen))
                for digest, each in signals.items()
            )
            self._connection.set(entries, self._keep)

    def close(self) -> None:
        self._connection.close()
