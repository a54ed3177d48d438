"""What reviews say, as JSON-ready mappings; what cannot be told is null."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.reviewed import Numbers, Reviewed, Side


def reviews_record(found: Reviewed) -> dict[str, Any]:
    """What there is of reviews under one policy."""
    return {
        "reviewed": len(found.scores),
        "missing": found.missing,
        "unsure": int(found.unsure.sum()),
        "replaced": found.reviews.replaced,
        "by_several": found.reviews.by_several,
        "disputed": found.reviews.disputed,
    }


def numbers_record(numbers: Numbers) -> dict[str, Any]:
    """What flagging from one threshold on does."""
    return {
        "threshold": numbers.threshold,
        "hits": numbers.hits.images,
        "false": numbers.false.images,
        "misses": numbers.misses.images,
        "precision": estimate_record(numbers.precision),
        "recall": estimate_record(numbers.recall),
        "flagged": _side(numbers.flagged),
        "below": _side(numbers.below),
        "remarks": list(numbers.remarks()),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "images": side.images,
        "reviewed": side.reviewed,
        "stands_for": estimate_record(side.stands_for),
        "told": side.told,
    }


def estimate_record(estimate: Estimate) -> dict[str, float | None]:
    return {name: told(value) for name, value in asdict(estimate).items()}


def told(value: float) -> float | None:
    """The value, or None for a NaN, which JSON does not have."""
    return None if math.isnan(value) else value
