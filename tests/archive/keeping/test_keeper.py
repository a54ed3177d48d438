"""What the archiver's core keeps, whatever happens to it: on the memory twins."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from pipeline.archive.archive import Archive
from pipeline.archive.files import file_rows
from pipeline.archive.keeping.keeper import KeepPolicy
from pipeline.archive.policy_sets import policy_set
from pipeline.archive.tidying.compaction import Compactor
from pipeline.errors import StoreAwayError
from pipeline.rules.times import Window
from pipeline.wire import FEATURES_TOPIC, REVIEWS_TOPIC, FeaturesRecord, PolicySetRecord, Review, review_json
from tests.archive.made import records
from tests.archive.streamed import GROUP, AwayStore, Stream, ids

LATER = KeepPolicy(every=60.0)
MIDNIGHT = 1_790_035_200.0  # seconds: the end of NOON's day in UTC


def test_each_event_stands_in_the_archive_once_and_is_committed_when_it_does() -> None:
    stream, made = Stream(partitions=3), records(60)
    stream.put(*made)
    archiver = stream.archiver(LATER)
    archiver.run(most=7)
    assert stream.committed() == 0
    assert stream.events() == []
    archiver.now = 60.0
    archiver.commit()
    assert stream.committed() == 60
    assert sorted(stream.events()) == sorted(ids(made))


def test_what_was_kept_and_not_committed_is_left_out_by_the_next() -> None:
    stream, made = Stream(), records(30)
    stream.put(*made)
    first = stream.archiver()
    first.poll(most=12)
    first.keeper.advance()  # and no commit: it is killed
    first.source.close()
    assert stream.committed() == 0
    stream.archived(most=5)
    assert stream.events() == ids(made)
    assert stream.committed() == 30


@pytest.mark.parametrize("written", [False, True])
def test_a_store_that_is_away_and_back_has_every_event_once(written: bool) -> None:
    store = AwayStore()
    stream, made = Stream(store), records(20)
    stream.put(*made[:10])
    store.fails, store.written_for_all_that = 3, written
    archiver = stream.archiver()
    archiver.poll()
    for _ in range(3 if not written else 1):
        with pytest.raises(StoreAwayError):
            archiver.keeper.advance()
        assert stream.committed() == 0
    store.fails = 0
    stream.put(*made[10:])
    archiver.run()
    assert stream.events() == ids(made)
    assert stream.committed() == 20


def test_two_models_and_two_days_in_turn_are_groups_of_their_own() -> None:
    stream = Stream()
    made = records(40, at=MIDNIGHT - 20)
    other = replace(made[0].decision.model, fingerprint="beef/1")
    made = [
        replace(each, decision=replace(each.decision, model=other)) if number % 3 else each
        for number, each in enumerate(made)
    ]
    stream.put(*made)
    first = stream.archiver(KeepPolicy(rows=9))
    first.run(most=4)  # some segments are written, and all of those that are open are lost
    first.source.close()
    stream.archived()
    assert sorted(stream.events()) == sorted(ids(made))
    folders = {each.name.group for each in Archive(stream.store).segments()}
    assert {(each.fingerprint, each.day.day) for each in folders} == {
        (model, day) for model in ("f00d", "beef/1") for day in (21, 22)
    }


def test_a_zombie_that_writes_late_adds_nothing() -> None:
    stream, made = Stream(), records(30)
    stream.put(*made[:20])
    zombie = stream.archiver(LATER)
    zombie.poll()
    zombie.keeper.advance()
    stream.broker.leave("archivers", zombie.source)  # the group goes on without it
    heir = stream.archiver()
    heir.run(most=6)
    stream.put(*made[20:])
    heir.run()
    zombie.now = 100.0
    zombie.keeper.advance()
    assert stream.events() == ids(made)


def test_a_zombie_that_writes_first_is_gone_on_behind() -> None:
    stream, made = Stream(), records(30)
    stream.put(*made)
    zombie, heir = stream.archiver(LATER), None
    zombie.poll(most=17)
    zombie.keeper.advance()
    stream.broker.leave("archivers", zombie.source)
    heir = stream.archiver(LATER)
    heir.poll(most=11)
    heir.keeper.advance()
    zombie.now = heir.now = 100.0
    zombie.keeper.advance()
    heir.run()
    heir.keeper.flush()
    assert stream.events() == ids(made)


def test_the_first_decision_on_an_event_stays_whatever_decides_it_again() -> None:
    stream, made = Stream(), records(10)
    again = [
        replace(each, decision=replace(each.decision, decision_id=f"{number:032x}", policy_set="fedcba987654"))
        for number, each in enumerate(made)
    ]
    stream.put(*made, *again[:5])
    stream.archived(most=4)
    stream.put(*again[3:])  # the next archiver knows them from the segments
    stream.archived(most=4)
    archive = Archive(stream.store)
    decisions = [
        block.decision(event)
        for block in archive.blocks(archive.segments(), ["decision"])
        for event in range(block.events)
    ]
    assert decisions == [each.decision for each in made]
    assert stream.committed() == 22


@pytest.mark.parametrize("running", [False, True], ids=["while nobody reads it", "under the archiver"])
def test_a_topic_made_anew_within_the_day_is_kept_beside_what_the_old_one_had(running: bool) -> None:
    """Its records have offsets of which files hold others."""
    stream, made = Stream(), records(40)
    stream.put(*made[:20])
    archiver = stream.archiver(KeepPolicy(every=0.0, rows=10))
    archiver.run(most=8)
    if not running:
        archiver.source.close()
    stream.make_anew()
    stream.put(*made[18:])  # two are sent again
    (archiver if running else stream.archiver()).run(most=5)
    assert sorted(stream.events()) == sorted(ids(made))
    assert stream.committed() == 22
    stream.archived()
    assert len(stream.events()) == 40


def test_what_is_open_of_a_topic_is_kept_when_it_is_made_anew() -> None:
    """Nobody can read it again."""
    stream, made = Stream(), records(30)
    stream.put(*made[:10])
    archiver = stream.archiver(LATER)
    archiver.run()
    stream.make_anew()
    stream.put(*made[10:])
    archiver.run(most=3)
    assert stream.committed() == 0
    archiver.now = 60.0
    archiver.commit()
    assert sorted(stream.events()) == sorted(ids(made))
    assert stream.committed() == 20


def test_of_a_topic_made_anew_each_event_is_kept_once_whoever_begins_again() -> None:
    stream, made = Stream(), records(60)
    stream.put(*made[:25])
    stream.archived(KeepPolicy(every=0.0, rows=10), most=7)
    stream.make_anew()
    stream.put(*made[25:])
    first = stream.archiver()
    first.poll(most=11)
    first.keeper.advance()  # and no commit: it is killed
    first.source.close()
    stream.archived(most=4)
    for _ in Compactor(stream.store).merge(date.max):
        pass
    assert sorted(stream.events()) == sorted(ids(made))
    assert stream.committed() == 35


def test_a_repeat_beyond_the_window_is_kept() -> None:
    stream, made = Stream(), records(10)
    stream.put(*made, made[0], made[9])
    stream.archived(KeepPolicy(every=0.0, repeats=5))
    assert stream.events() == [*ids(made), ids(made)[0]]


def test_what_cannot_be_read_is_put_aside_as_it_came() -> None:
    stream, made = Stream(), records(6)
    damaged = replace(made[1], features=made[1].features[:-2])
    no_time = replace(made[2], decision=replace(made[2].decision, decided_at="yesterday"))
    stream.put(made[0], b"\x81junk", b"", damaged, made[3], no_time, made[4])
    stream.archived()
    assert stream.events() == ids([made[0], made[3], made[4]])
    assert stream.committed() == 7
    aside = [
        row for each in stream.store.list("unreadable/") for row in file_rows(stream.store, each.path).to_pylist()
    ]
    assert [(row["record"], row["key"]) for row in aside] == [(at, b"key") for at in (1, 2, 3, 5)]
    assert aside[0]["value"] == b"\x81junk"
    assert "bytes of features" in aside[2]["reason"]


def test_another_dimension_begins_another_segment() -> None:
    stream, made = Stream(), records(4, views=[1])
    short = replace(made[1], dimension=8, features=made[1].features[:16])
    stream.put(made[0], short, made[2], made[3])
    stream.archived()
    assert stream.events() == ids(made)
    assert len(Archive(stream.store).segments()) == 3


def test_a_policy_set_is_kept_once_with_its_files() -> None:
    stream = Stream()
    record = PolicySetRecord(
        version="0123",
        files={"weapons.yaml": b"title: W\n", "samples/a.png": b"\x89PNG"},
        live_at="2026-01-01T00:00:00Z",
    )
    stream.put(record, replace(record, live_at="2026-01-02T00:00:00Z"))
    stream.archived()
    assert policy_set(stream.store, "0123") == record
    assert stream.committed() == 2


def test_reviews_are_kept_by_the_day_on_which_they_were_given() -> None:
    stream = Stream()
    said = {"event_id": "e", "image_id": "i", "policy": "p", "label": "yes", "reviewer": "ann"}
    first = Review(review_id="1", at="2026-09-21T10:00:00.000Z", **said)
    later = replace(first, review_id="2", label="no", at="2026-09-22T10:00:00.500Z")
    of_another = replace(first, review_id="3", reviewer="bob", inclusion_probability=0.25)
    impossible = [replace(first, review_id="4", inclusion_probability=chance) for chance in (0.0, 1e-300)]
    stream.put(*map(review_json, (first, later, of_another, *impossible)), topic=REVIEWS_TOPIC)
    stream.archived()
    archive, midnight = Archive(stream.store), datetime(2026, 9, 22, tzinfo=UTC).timestamp()
    assert list(archive.reviews()) == [first, of_another, later]
    assert list(archive.reviews(Window(since=midnight))) == [later]
    assert list(archive.reviews(Window(until=midnight))) == [first, of_another]
    [put_aside] = stream.store.list("unreadable/")
    assert len(list(file_rows(stream.store, put_aside.path).to_pylist())) == 2
    assert stream.committed(REVIEWS_TOPIC) == 5


def test_memory_stays_within_its_bound() -> None:
    stream, made = Stream(partitions=2), records(50)
    stream.put(*made)
    archiver = stream.archiver(KeepPolicy(every=60.0, open_bytes=10_000))
    archiver.run(most=5)
    assert stream.committed() > 0
    archiver.keeper.flush()
    assert sorted(stream.events()) == sorted(ids(made))


def test_a_segment_of_nothing_but_repeats_has_no_rows_and_can_be_read() -> None:
    stream, made = Stream(), records(5)
    stream.put(*made)
    stream.archived()
    stream.put(*made)
    stream.archived()
    assert stream.events() == ids(made)
    empty = Archive(stream.store).segments()[-1]
    with Archive(stream.store).file(empty) as file:
        assert isinstance(file, pq.ParquetFile)
        assert file.metadata.num_rows == 0


def _in_two_groups(made: list[FeaturesRecord], second: set[int]) -> list[FeaturesRecord]:
    """The records, of which those of these numbers were made with another preprocessing."""
    return [
        replace(each, decision=replace(each.decision, preprocess="exact")) if number in second else each
        for number, each in enumerate(made)
    ]


def test_a_partition_that_comes_back_from_another_owner_is_looked_up_anew() -> None:
    stream, made = Stream(), _in_two_groups(records(20, views=[1]), {7, 13})
    stream.put(*made)
    first = stream.archiver(LATER)
    first.poll(most=6)
    first.keeper.flush()
    stream.broker.leave(GROUP, first.source)
    between = stream.archiver(KeepPolicy(every=60.0, rows=3))
    between.run(most=3)  # keeps some beyond its first record of the second group, to which alone it commits
    assert stream.committed() == 7
    assert len(stream.events()) > stream.committed()
    between.source.close()
    stream.broker.join(GROUP, first.source)
    first.run(most=4)
    first.keeper.flush()
    assert sorted(stream.events()) == sorted(ids(made))


def test_events_that_another_kept_ahead_of_us_are_known_as_repeats() -> None:
    stream, made = Stream(), records(8)
    stream.put(*made)
    zombie = stream.archiver(LATER)
    zombie.poll()
    zombie.keeper.advance()
    stream.broker.leave(GROUP, zombie.source)
    heir = stream.archiver(LATER)
    heir.poll(most=4)
    heir.keeper.advance()
    zombie.keeper.flush()
    heir.keeper.flush()
    stream.put(made[6])
    heir.run()
    heir.keeper.flush()
    assert stream.events() == ids(made)


def test_who_is_set_back_keeps_nothing_twice_of_what_was_merged_meanwhile() -> None:
    stream, made = Stream(), records(60)
    stream.put(*made[:50])
    stream.archived(most=7)
    compactor = Compactor(stream.store, grace=0.0)
    assert [each.segments for each in compactor.merge(date(2026, 10, 1))] == [8]
    compactor.sweep()
    stream.put(*made[50:])
    stream.broker.commit(GROUP, {(FEATURES_TOPIC, 0): 0})
    stream.archived(KeepPolicy(every=60.0))
    assert stream.committed() == 50  # what is open is not durable
    stream.archived()
    assert sorted(stream.events()) == sorted(ids(made))
