"""``sluice archive run`` on a real Kafka: from records to segments, and what its neighbours see of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.archive.policy_sets import policy_set
from pipeline.wire import PolicySetRecord, Review, archive_record_bytes, review_json
from tests.archive.made import records
from tests.e2e.archive_under_test import ArchiveUnderTest, archive_on
from tests.e2e.pipeline_under_test import ANSWER, STOP
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import ChildProcess, python


@pytest.fixture
def make_archive(kafka: KafkaBroker, tmp_path: Path) -> Iterator[Callable[..., ArchiveUnderTest]]:
    """Archives on the shared broker: `make_archive(partitions=3, archive_every=1)`."""
    with ExitStack() as ending:
        yield lambda **how: ending.enter_context(archive_on(how.pop("on", kafka), tmp_path, **how))


def test_records_policy_sets_and_reviews_stand_in_the_archive_and_are_committed(
    make_archive: Callable[..., ArchiveUnderTest],
) -> None:
    archive, made = make_archive(partitions=3), records(300)
    archiver = archive.archiver()
    archive.put(made)
    live = PolicySetRecord(version="0123456789ab", files={"a.yaml": b"title: A\n"}, live_at="2026-01-01T00:00:00Z")
    archive.kafka.produce(archive.features, archive_record_bytes(live), key=b"policies")
    archive.kafka.produce(archive.features, b"somebody else's", key=b"odd")
    review = Review(review_id="1", event_id="e", policy="p", label="no", at="2026-01-01T00:00:00.000Z")
    archive.kafka.produce(archive.reviews, review_json(review), key=b"image")
    archive.wait_until_committed()
    until(lambda: archive.kafka.lag(archive.group, archive.reviews) == 0, ANSWER, lambda: "reviews committed")
    archive.holds_once(made)
    store = FolderStore(archive.folder)
    assert policy_set(store, live.version) == live
    assert list(Archive(store).reviews()) == [review]
    assert archiver.metric("sluice_archive_events_total", kind="features") == 300
    assert archiver.metric("sluice_archive_rows_total", kind="features") == 600
    assert archiver.metric("sluice_archive_unreadable_total") == 1
    assert archiver.metric("sluice_archive_policy_sets_total") == 1
    assert archiver.logged("record_unreadable")
    archiver.process.wait_for_http(archiver.url("readyz"))
    assert archiver.process.terminate(STOP) == 0


def test_reviews_of_a_file_are_published_kept_and_told_of_by_the_archiver_once_however_often_they_are_recorded(
    make_archive: Callable[..., ArchiveUnderTest],
) -> None:
    """Nothing was flagged, and two of ten reviewed images show it: all that shows it is missed."""
    archive, made = make_archive(archive_reviews_every=0.5), records(40, at=time.time() - 600)
    made = [replace(each, decision=replace(each.decision, scores={"weapons": 0.1})) for each in made]
    archiver = archive.archiver()
    archive.put(made)
    archive.wait_until_committed()
    path = archive.scratch / "reviews.csv"
    rows = [f"image-{number},weapons,{'yes' if number < 2 else 'no'},0.5" for number in range(10)]
    path.write_text("\n".join(["image_id,policy,label,inclusion_probability", *rows]) + "\n")
    words = ["review", "record", "--csv", str(path), "--archive", str(archive.folder)]
    words += ["--bootstrap-servers", archive.kafka.bootstrap_servers, "--reviews-topic", archive.reviews]
    for _ in range(2):
        with ChildProcess(python("-m", "workers", *words), archive.scratch, name="record") as recording:
            assert recording.wait(ANSWER) == 0, str(recording)
            assert f"10 reviews (2 yes, 8 no; weapons 10) published to {archive.reviews}" in recording.stdout()
    until(lambda: archive.kafka.lag(archive.group, archive.reviews) == 0, ANSWER, lambda: "reviews committed")
    kept = list(Archive(FolderStore(archive.folder)).reviews())
    assert (len(kept), len({each.review_id for each in kept})) == (20, 10)
    assert {each.event_id for each in kept} == {each.decision.event_id for each in made[:10]}

    def reviewed() -> float:
        return archiver.metric("sluice_review_images", policy="weapons", was="allowed")

    until(lambda: reviewed() == 10, ANSWER, lambda: str(archiver.process))
    assert archiver.metric("sluice_review_miss_ratio", policy="weapons", end="value") == 1
    assert archiver.process.terminate(STOP) == 0


def test_what_is_open_is_kept_when_it_is_told_to_stop(make_archive: Callable[..., ArchiveUnderTest]) -> None:
    archive, made = make_archive(archive_every=600), records(20)
    archiver = archive.archiver()
    archive.put(made)
    until(lambda: archiver.metric("sluice_archive_records_total") == 20, ANSWER, lambda: str(archiver.process))
    assert archive.kafka.lag(archive.group, archive.features) == 20
    assert archiver.process.terminate(STOP) == 0
    archive.holds_once(made)
    assert archive.kafka.lag(archive.group, archive.features) == 0


def test_a_topic_made_anew_within_the_day_loses_nothing(make_archive: Callable[..., ArchiveUnderTest]) -> None:
    """The new topic's offsets are those of records that the archive holds."""
    archive, made = make_archive(), records(120)
    archiver = archive.archiver()
    archive.put(made[:50])
    archive.wait_until_committed()
    archive.kafka.make_anew(archive.features)
    archive.put(made[50:])
    until(lambda: archiver.metric("sluice_archive_events_total") == 120, ANSWER, lambda: str(archiver.process))
    archive.wait_until_committed()
    archive.holds_once(made)
    assert archiver.process.terminate(STOP) == 0
