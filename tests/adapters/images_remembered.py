"""Signals of images by a small model, for the tests of what remembers them."""

from __future__ import annotations

import numpy as np

from pipeline.ports import EncoderSpec
from pipeline.rules.archive.remembered import as_kept
from pipeline.signals import Provenance, Signals
from tests.signals_made import whole

SPEC = EncoderSpec("m", "print", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 8, 77, 100.0, None)
MADE_BY = Provenance(SPEC.ref, "test")


def remembered(seed: int, *, views: int = 1, frames: int = 1) -> Signals:
    """``float32[V,8]`` of unit length, as far as float16 can say it, with where they were taken."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(views, SPEC.features))
    regions = whole(views, frames=frames)
    regions["box"] = np.sort(random.uniform(size=(views, 2, 2)), axis=1).reshape(views, 4)
    features = as_kept((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    return Signals(features, regions, MADE_BY, unseen=seed % 3)


def alike(found: dict[str, Signals], expected: dict[str, Signals]) -> bool:
    """Whether both hold the same images with the same features and regions, to the last bit, made by the same."""
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name].features, each.features)
        and np.array_equal(found[name].regions, each.regions)
        and (found[name].unseen, found[name].made_by) == (each.unseen, each.made_by)
        for name, each in expected.items()
    )
