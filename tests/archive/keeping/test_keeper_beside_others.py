"""What the archiver keeps while others merge its segments and erase from them."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec import structs

from pipeline.archive.archive import Archive
from pipeline.archive.erasing.erasure import Asked, erase
from pipeline.archive.keeping.keeper import KeepPolicy
from pipeline.archive.listing import listed
from pipeline.archive.tidying.compaction import Compactor
from pipeline.ports import Store
from pipeline.rules.archive.denied import Kind
from pipeline.wire import REVIEWS_TOPIC, FeaturesRecord, Review, review_json
from tests.archive.made import records
from tests.archive.searched import holding
from tests.archive.streamed import Stream, ids

LATER = KeepPolicy(every=60.0)
AT = "2026-09-21T13:00:00.000Z"


def _merge(store: Store) -> None:
    compactor = Compactor(store, grace=0)
    list(compactor.merge(date(2027, 1, 1)))
    compactor.sweep()
    assert len(listed(store).segments) == 1


def _erase(store: Store, asked: Asked) -> None:
    erase(store, [asked], AT, "", lambda _more, _done: None)


@pytest.mark.parametrize("done", [0, 5, 10, 17])
def test_an_archiver_that_begins_again_within_what_was_merged_keeps_every_event_once(done: int) -> None:
    stream, made = Stream(), records(40)
    stream.put(*made[:20])
    first = stream.archiver()
    while first.poll(most=5):
        for batch in first.keeper.advance():
            if batch.items[-1].event.offset < done:
                first.source.commit(batch)
    first.source.close()
    _merge(stream.store)
    stream.put(*made[20:])
    stream.archived(most=7)
    assert stream.events() == ids(made)
    assert stream.committed() == 40


def test_a_zombie_whose_names_are_free_again_since_they_were_merged_adds_nothing() -> None:
    theirs, made = Stream(), records(40)
    theirs.put(*made[:30])
    zombies = Stream(theirs.store)
    zombies.put(*made)
    zombie = zombies.archiver(LATER)
    for _ in range(4):
        zombie.poll(most=5)
        zombie.commit()
    theirs.archived(most=5)
    _merge(theirs.store)
    assert theirs.events() == ids(made[:30])
    zombie.now = 60.0
    zombie.commit()
    assert theirs.events() == ids(made[:30])
    zombie.run(most=5)
    zombie.now = 120.0
    zombie.commit()
    assert theirs.events() == ids(made)


def test_a_file_of_a_zombie_that_reaches_beyond_what_was_merged_is_no_part_of_the_chain() -> None:
    theirs, made = Stream(), records(40)
    theirs.put(*made[:10])
    theirs.archived(most=5)
    _merge(theirs.store)
    zombies = Stream()
    zombies.put(*made[:5])
    zombies.archived()
    zombies.put(*made[5:30])
    zombies.archived()
    for stored in zombies.store.list("model="):
        theirs.store.create(stored.path, zombies.store.read(stored.path))
    theirs.put(*made[10:])
    theirs.archived(most=7)
    assert theirs.events() == ids(made)


def _of_subject(record: FeaturesRecord) -> FeaturesRecord:
    return structs.replace(record, subject="anna@example.com")


def test_what_is_erased_never_comes_in_again_nor_do_its_reviews() -> None:
    stream, made = Stream(), records(20)
    made[4], made[9] = _of_subject(made[4]), _of_subject(made[9])
    reviews = [
        Review(review_id=f"r{n}", event_id=made[n].decision.event_id, policy="weapons", label="yes", at=AT)
        for n in (3, 4, 9)
    ]
    stream.put(*made[:6])
    stream.archived()
    _erase(stream.store, Asked(Kind.SUBJECT, "anna@example.com"))
    stream.put(*made[6:], *made[:6])
    stream.archived()
    stream.put(*map(review_json, reviews), topic=REVIEWS_TOPIC)
    stream.archived()
    kept = [number for number in range(20) if number not in {4, 9}]
    assert stream.events() == ids([made[number] for number in kept])
    assert [each.review_id for each in Archive(stream.store).reviews()] == ["r3"]
    told = [made[number].decision.event_id.encode() for number in (4, 9)]
    assert holding(stream.store, b"anna@example.com", *told) == {}


def test_an_unreadable_record_that_mentions_what_is_erased_goes_as_well() -> None:
    stream = Stream()
    stream.put(*records(2), b"this is no record of image portrait-of-anna", b"nor is this")
    stream.archived()
    assert holding(stream.store, b"portrait-of-anna")
    _erase(stream.store, Asked(Kind.IMAGE, "portrait-of-anna"))
    assert holding(stream.store, b"portrait-of-anna", b"nor is this").keys() == {b"nor is this"}
