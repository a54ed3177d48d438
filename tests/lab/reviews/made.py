"""Reviews of made-up images, whose scores a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.lab.reviews.reviewed import Counter, Reviewed, reviewed
from pipeline.rules.reviews.settled import Labelled, PolicyReviews
from pipeline.wire import Label

Seen = tuple[float, Label, float]
"""A score, what was said, and the weight."""


def sample(seen: Sequence[Seen], stream: Sequence[float]) -> Reviewed:
    """Those reviews of images from a stream with these scores, which theirs are among."""
    labels = [Labelled(f"image-{at}", "", label, weight) for at, (_, label, weight) in enumerate(seen)]
    counter = Counter()
    counter.count(np.array(stream, np.float64))
    scored = [(label, score) for label, (score, _, _) in zip(labels, seen, strict=True)]
    return reviewed(scored, counter.population, PolicyReviews(tuple(labels)))
