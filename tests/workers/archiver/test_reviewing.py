"""The archiver that has the lease tells how good policies are; another tells nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import CollectorRegistry

from pipeline.adapters.local.store import FolderStore
from pipeline.lab.evaluation.weighted import Tally
from pipeline.lab.reviews.misses import PolicyQuality, Stratum
from tests.archive.made import NOON
from tests.workers.reviews.test_review_commands import archive
from workers.archiver.review_metrics import ReviewMetrics
from workers.archiver.reviewing import Reviewing

__all__ = ["archive"]


class _Failing(ReviewMetrics):
    """Cannot show anything the first time, for a reason that nobody thought of; then it stops the thread."""

    def __init__(self, stop: Event) -> None:
        super().__init__(CollectorRegistry())
        self._stop, self.asked = stop, 0

    def tell(self, found: Sequence[PolicyQuality]) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OverflowError("too much")
        self._stop.set()


def test_whatever_goes_wrong_reviews_are_read_again(archive: Path) -> None:
    stop = Event()
    metrics = _Failing(stop)
    Reviewing(FolderStore(archive), 0.01, metrics, lambda: NOON).run(stop)
    assert metrics.asked == 2


def test_what_cannot_be_told_leaves_what_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = ReviewMetrics(registry)
    yes, none = Tally(4, 4.0, 4.0, 1.0), Tally(0, 0.0, 0.0, 1.0)
    sound = PolicyQuality("weapons", Stratum(4, yes, none), Stratum(4, none, yes), 0, 0, 0)
    metrics.tell([sound])
    boundless = replace(sound, flagged=Stratum(4, Tally(4, 4e300, 4e300, 1e300), none))
    with pytest.raises(OverflowError):
        metrics.tell([boundless])
    shown = registry.get_sample_value("sluice_review_precision_ratio", {"policy": "weapons", "end": "value"})
    assert shown == 1.0


def test_one_archiver_of_two_shows_precision_and_misses(archive: Path) -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    for registry in registries:
        Reviewing(FolderStore(archive), 3600.0, ReviewMetrics(registry), lambda: NOON + 3600).once()
    first, second = registries
    of = {"policy": "weapons", "end": "value"}
    assert first.get_sample_value("sluice_review_precision_ratio", of) == 0.8
    assert first.get_sample_value("sluice_review_miss_ratio", {**of, "end": "low"}) == 0.0
    assert first.get_sample_value("sluice_review_images", {"policy": "weapons", "was": "allowed"}) == 10
    assert second.get_sample_value("sluice_review_precision_ratio", of) is None
