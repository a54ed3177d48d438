"""What an archive keeps of the files beside policies, and back: enough to judge again, and no picture.

Of an example its features are kept, as they were judged by; of a list its bytes, where they fit into a record.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.rules.archive.remembered import HALF
from pipeline.rules.policies.assets import Asset, Assets
from pipeline.signals import REGION, Provenance, Signals
from pipeline.wire import AssetRecord

MOST_BYTES = 512 << 10
"""Of the lists of one set together: a Kafka record has a megabyte, by default, and the policies are in it too."""
LEFT_OUT = "was not kept with its policy set, because it is too large; its decisions cannot be made again"


def kept_assets(assets: Assets) -> dict[str, AssetRecord]:
    """What is kept, by path; the smallest lists first, as far as they fit."""
    room, kept = MOST_BYTES, dict[str, AssetRecord]()
    for path, asset in sorted(assets.items(), key=lambda each: (len(each[1].content), each[0])):
        if asset.signals is not None:
            kept[path] = _of_picture(asset.sha256, asset.signals)
        elif asset.content and len(asset.content) > room:
            kept[path] = AssetRecord(sha256=asset.sha256, left_out=LEFT_OUT)
        else:
            room -= len(asset.content)
            kept[path] = AssetRecord(sha256=asset.sha256, content=asset.content or None)
    return kept


def assets_of(kept: Mapping[str, AssetRecord]) -> dict[str, Asset]:
    """The assets, by path. Raises ``ValueError`` where a picture's arrays do not fit each other."""
    return {
        path: Asset(path, each.sha256, each.content or b"", each.left_out, _signals(each))
        for path, each in kept.items()
    }


def _of_picture(sha256: str, signals: Signals) -> AssetRecord:
    return AssetRecord(
        sha256=sha256,
        model=signals.made_by.model,
        preprocess=signals.made_by.preprocess,
        dimension=signals.features.shape[1],
        features=signals.features.astype(HALF).tobytes(),
        regions=signals.regions.tobytes(),
    )


def _signals(kept: AssetRecord) -> Signals | None:
    if kept.model is None:
        return None
    features = np.frombuffer(kept.features, HALF).reshape(-1, max(1, kept.dimension)).astype(np.float32)
    regions = np.frombuffer(kept.regions, REGION)
    if not 0 < len(features) == len(regions):
        raise ValueError(f"{len(features)} views and {len(regions)} regions of an example")
    return Signals(features, regions, Provenance(kept.model, kept.preprocess))
