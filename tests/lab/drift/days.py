"""Archives of a month of days, with scores and matches that tests choose."""

from __future__ import annotations

import numpy as np

from pipeline.adapters.memory.store import MemoryStore
from pipeline.ports import Store
from pipeline.rules.archive.remembered import as_kept, remembered
from pipeline.signals import WHOLE, Provenance, Signals, regions_of
from pipeline.wire import FeaturesRecord, Match, ModelRef
from tests.archive.made import MADE_BY, NOON, decision, keep

DAY = 86_400.0


def day_of_images(
    number: int,
    features: np.ndarray,
    scores: np.ndarray,
    *,
    policy: str = "knives",
    policy_set: str = "0123456789ab",
    made_by: Provenance = MADE_BY,
) -> list[FeaturesRecord]:
    """A record for each row of features, decided on day `number`; a score of 0.5 or more matches."""
    made = []
    for at, (row, score) in enumerate(zip(features, scores.tolist(), strict=True)):
        signals = Signals(as_kept(row[None].astype(np.float32)), regions_of([WHOLE]), made_by)
        flagged = score >= 0.5
        said = decision(
            100_000 * number + at,
            signals,
            NOON + DAY * number + at / 10,
            scores={policy: score},
            verdict="review" if flagged else "allow",
            matches=[Match(policy, "v", "review", score, 0.5, "a knife", score)] if flagged else [],
            policy_set=policy_set,
        )
        made.append(remembered(said, signals))
    return made


def month(rng: np.random.Generator, *, days: int = 20, images: int = 60, last: float = 1.0) -> Store:
    """That many days alike, and one more whose scores are raised to the power `last` and images moved by it."""
    store = MemoryStore()
    for number in range(days + 1):
        power = last if number == days else 1.0
        features = rng.normal(size=(images, 16))
        features[:, 0] += 3 * (1 - power)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        scores = rng.beta(0.5, 4, size=images) ** power
        keep(store, day_of_images(number, features, scores), start=100_000 * number)
    return store


OTHER = Provenance(ModelRef("tiny", "beef", "float32"), "fast-64")
