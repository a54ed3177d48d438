"""The metrics of what reviews say; only the archiver that has the lease to read them shows any."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge

from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.misses import PolicyQuality

ENDS = ("value", "low", "high")
MOST_POLICIES = 500
"""As many as a folder may have: reviews may name any, and each costs series."""


class ReviewMetrics:
    """Precision and misses by policy, each with the ends of its 95 % interval; what cannot be told has no series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"sluice_review_{name}", text, labels, registry=registry)

        of_end = "policy", "end"
        self._precision = gauge(
            "precision_ratio",
            "Share of what a policy flagged in a week that is right, by reviews: value, low and high end.",
            *of_end,
        )
        self._misses = gauge(
            "miss_ratio",
            "Share of what shows it that a policy let pass in a week, by reviews: value, low and high end.",
            *of_end,
        )
        self._reviewed = gauge(
            "images", "Images of a week that were reviewed, by what came of them.", "policy", "was"
        )
        self._read = gauge("read_timestamp_seconds", "When reviews were last read for these (Unix time).")

    def tell(self, found: Sequence[PolicyQuality]) -> None:
        """Show what was found, and nothing else."""
        most = sorted(found, key=lambda each: -each.flagged.reviewed - each.allowed.reviewed)[:MOST_POLICIES]
        told = [(each, each.precision, each.misses) for each in most]  # what cannot be told leaves what is shown
        self.forget()
        for each, precision, misses in told:
            _set(self._precision, each.policy, precision)
            _set(self._misses, each.policy, misses)
            self._reviewed.labels(each.policy, "flagged").set(each.flagged.reviewed)
            self._reviewed.labels(each.policy, "allowed").set(each.allowed.reviewed)
        self._read.set(time.time())

    def forget(self) -> None:
        """Show nothing: another archiver reads them."""
        for gauge in (self._precision, self._misses, self._reviewed):
            gauge.clear()


def _set(gauge: Gauge, policy: str, found: Estimate) -> None:
    if not math.isnan(found.value):
        for end in ENDS:
            gauge.labels(policy, end).set(getattr(found, end))
