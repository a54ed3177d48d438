"""From a decision and the signals behind it to what the archive remembers, and back to the very same signals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.signals import REGION, Closer, Features, Provenance, Signals
from pipeline.wire import Decision, FeaturesRecord

HALF = np.dtype("<f2")
"""How features are kept. Signals hold nothing that does not fit, see `as_kept`."""


def as_kept(features: Features) -> Features:
    """``float32[V,D]`` with every value rounded to float16, so that caches and the archive keep what is judged."""
    return features.astype(HALF).astype(np.float32)


def remembered(
    decision: Decision,
    signals: Signals,
    *,
    background: str = "",
    background_lse: NDArray[np.float32] | None = None,
    subject: str | None = None,
    thumbnail: bytes | None = None,
) -> FeaturesRecord:
    """The features record of a decision. `background_lse` is of all views, those of a second look last."""
    looks = [signals] if signals.closer is None else [signals, signals.closer]
    closer = signals.closer
    return FeaturesRecord(
        decision=decision,
        dimension=signals.features.shape[1],
        features=b"".join(look.features.astype(HALF).tobytes() for look in looks),
        regions=b"".join(look.regions.tobytes() for look in looks),
        first_look=len(signals.features),
        turned=[] if closer is None else list(closer.turned),
        bar=1.0 if closer is None else closer.bar,
        unseen=signals.unseen,
        background=background,
        background_lse=b"" if background_lse is None else background_lse.astype("<f4").tobytes(),
        subject=subject,
        thumbnail=thumbnail,
    )


def signals_of(record: FeaturesRecord) -> Signals:
    """The signals that the decision was made by. Raises ``ValueError`` where the arrays do not fit each other."""
    features = np.frombuffer(record.features, HALF).reshape(-1, record.dimension).astype(np.float32)
    regions = np.frombuffer(record.regions, REGION)
    first = record.first_look
    if not 0 < first <= len(features) == len(regions) == first + len(record.turned):
        raise ValueError(f"{len(features)} views, {len(regions)} regions, {first} of the first look")
    made_by = Provenance(record.decision.model, record.decision.preprocess)
    closer = None
    if record.turned:
        turned = tuple(record.turned)
        closer = Closer(features[first:], regions[first:], made_by, turned=turned, bar=record.bar)
    sha256 = record.decision.content_sha256
    return Signals(features[:first], regions[:first], made_by, record.unseen, closer, sha256)
