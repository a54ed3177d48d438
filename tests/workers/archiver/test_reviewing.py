"""The archiver that has the lease tells how good policies are; another tells nothing."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from pipeline.adapters.local.store import FolderStore
from tests.archive.made import NOON
from tests.workers.reviews.test_review_commands import archive
from workers.archiver.review_metrics import ReviewMetrics
from workers.archiver.reviewing import Reviewing

__all__ = ["archive"]


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
