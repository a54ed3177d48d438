from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.adapters.stores import BucketStore, StoreOptions
from pipeline.archive.archive import Archive
from pipeline.archive.coarse import Coarse
from pipeline.archive.erasing import erasure
from pipeline.archive.erasing.erasure import Asked, erase, look
from pipeline.archive.erasing.purging import Hiding, Purged
from pipeline.archive.erasing.receipts import Receipt, Said, parse_receipt, receipt_json, receipt_of
from pipeline.archive.erasing.verifying import verify
from pipeline.archive.tidying.compaction import Compactor
from pipeline.archive.tidying.retention import retire
from pipeline.errors import StoreError, UsageError
from pipeline.ports import Store
from pipeline.rules.archive.denied import Kind
from pipeline.rules.archive.remembered import HALF
from pipeline.rules.claims import allowed_location
from tests.archive.interleaved import Actor
from tests.archive.made import keep, records
from tests.archive.searched import holding
from tests.services import stores as servers
from tests.services.stores import s3_server

AT = "2026-11-26T00:00:00.000Z"
ANNA = "anna@example.com"
HERS = (3, 7, 12, 13)
"""Events of the subject; 13 is in a segment of nothing else of hers."""
REVIEWS = "reviews/day=2026-09-21/sluice.reviews.v1-0-00000000000000000000.parquet"


def _nobody(_more: int, _done: int) -> None:
    """Progress that nobody looks at."""


def _fill(store: Store) -> list[bytes]:
    """An archive with rows and reviews of a subject; returns all the bytes by which she can be told."""
    made = records(20, views=(1, 2))
    for number in HERS:
        decision = structs.replace(made[number].decision, image_id=f"portrait-of-anna-{number:04}")
        made[number] = structs.replace(
            made[number], decision=decision, subject=ANNA, thumbnail=b"RIFF%04d WEBPVP8 of anna" % number
        )
    for start, end in ((0, 5), (5, 10), (10, 13), (13, 14), (14, 20)):
        keep(store, made[start:end], start=start)
    rows = [
        {"record": number, "event_id": record.decision.event_id, "image_id": record.decision.image_id, "label": "yes"}
        for number, record in enumerate(made)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, compression="zstd")
    store.create(REVIEWS, sink.getvalue().to_pybytes())
    store.create("policies/0123456789ab.json", b'{"files": {}}')
    told = [ANNA.encode()]
    for number in HERS:
        record = made[number]
        told += [record.decision.image_id.encode(), record.decision.event_id.encode()]
        told += [record.decision.content_sha256.encode(), record.thumbnail or b"-", record.features]
        [codes] = Coarse.of(np.frombuffer(record.features, HALF).reshape(-1, record.dimension)).codes
        told.append(codes.tobytes())
    return told


def _left(store: Store) -> list[str]:
    archive = Archive(store)
    return [
        image
        for block in archive.blocks(archive.segments(), ["image_id"])
        for image in block.column("image_id").to_pylist()
    ]


OTHERS = [f"image-{number}" for number in range(20) if number not in HERS]
BY_SUBJECT = [Asked(Kind.SUBJECT, ANNA)]


def _receipt(store: Store, asked: list[Asked]) -> Receipt:
    found = erase(store, asked, AT, "", _nobody)
    return receipt_of(found, [each.erased for each in asked], Said(store.address, "", AT, AT, "0"))


@pytest.fixture(params=["memory", "folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "folder":
        yield FolderStore(tmp_path / "archive")
    else:
        servers.enter(monkeypatch)
        with s3_server() as s3:
            s3.make_bucket("archives")
            options = StoreOptions(s3_endpoint=s3.endpoint)
            yield BucketStore(allowed_location("s3://archives/part"), options, timeout=30.0)


@pytest.mark.parametrize("merged", [False, True])
def test_no_byte_of_what_is_erased_is_left_anywhere(store: Store, merged: bool) -> None:
    told = _fill(store)
    if merged:
        list(Compactor(store).merge(date(2027, 1, 1)))
    assert set(holding(store, *told)) == set(told), "what is not there before proves nothing"
    found = erase(store, BY_SUBJECT, AT, "", _nobody)
    assert holding(store, *told) == {}
    assert _left(store) == OTHERS
    copies = 2 if merged else 1
    assert (found.events, found.reviews) == (len(HERS) * copies, len(HERS))
    assert store.read("policies/0123456789ab.json")


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.SHA256])
def test_an_image_goes_by_its_id_or_its_hash_and_its_reviews_too(kind: Kind) -> None:
    store = MemoryStore()
    _fill(store)
    value = "portrait-of-anna-0007" if kind is Kind.IMAGE else f"{7:064x}"
    found = erase(store, [Asked(kind, value)], AT, "", _nobody)
    assert (found.events, found.reviews) == (1, 1)
    assert not holding(store, b"portrait-of-anna-0007")
    assert holding(store, b"portrait-of-anna-0003")


def test_a_look_says_what_would_go_and_changes_nothing() -> None:
    store = MemoryStore()
    _fill(store)
    before = [(each, store.read(each.path)) for each in store.list()]
    would = look(store, BY_SUBJECT, _nobody)
    assert [(each, store.read(each.path)) for each in store.list()] == before
    did = erase(store, BY_SUBJECT, AT, "", _nobody)
    assert (would.rows, would.events, would.reviews) == (did.rows, did.events, did.reviews)
    assert would.held == did.held


def test_a_segment_keeps_its_place_in_the_chain() -> None:
    store = MemoryStore()
    _fill(store)
    before = {each.path: pq.ParquetFile(store.open(each.path)).schema_arrow for each in store.list("model=")}
    erase(store, BY_SUBJECT, AT, "", _nobody)
    for path, schema in before.items():
        with pq.ParquetFile(store.open(path)) as file:
            now = file.schema_arrow
            assert now.equals(schema)
            assert {**now.metadata, b"sluice.events": b""} == {**schema.metadata, b"sluice.events": b""}
            events = sum(row["view"] == 0 for row in file.read(["view"]).to_pylist())
            assert now.metadata[b"sluice.events"] == str(events).encode()


def _steps(act: Callable[[Store], object]) -> int:
    store = MemoryStore()
    _fill(store)
    actor, steps = Actor(act, store), 0
    while not actor.done:
        actor.step()
        steps += 1
    return steps


def _by_subject(store: Store) -> None:
    erase(store, BY_SUBJECT, AT, "", lambda _more, _done: None)


def test_an_erasure_that_was_killed_anywhere_is_ended_by_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.archive.erasing.searching._AT_ONCE", 1)
    for steps in range(1, _steps(_by_subject), 2):
        store = MemoryStore()
        told = _fill(store)
        actor = Actor(_by_subject, store)
        for _ in range(steps):
            actor.step()
        actor.kill()
        if list(store.list("erased/")):
            assert _left(store) == OTHERS
        _by_subject(store)
        assert holding(store, *told) == {}, f"killed after {steps} calls"


def test_a_receipt_is_checked_and_names_nobody() -> None:
    store = MemoryStore()
    told = _fill(store)
    receipt = _receipt(store, BY_SUBJECT)
    written = receipt_json(receipt)
    assert not any(each in written for each in told)
    assert parse_receipt(written, "receipt.json") == receipt
    found = verify(store, parse_receipt(written, "receipt.json"), BY_SUBJECT, _nobody)
    assert found.problems == []
    assert (found.as_left, found.changed, found.gone) == (len(receipt.rewritten), 0, 0)


def test_a_receipt_that_was_changed_is_refused() -> None:
    store = MemoryStore()
    _fill(store)
    written = receipt_json(_receipt(store, BY_SUBJECT))
    with pytest.raises(UsageError, match="not as it was written"):
        parse_receipt(written.replace(b'"reviews": 4', b'"reviews": 5'), "receipt.json")
    with pytest.raises(UsageError, match="no receipt"):
        parse_receipt(b"{}", "receipt.json")


def test_what_came_back_is_told_by_the_receipt() -> None:
    store, before = MemoryStore(), MemoryStore()
    _fill(store)
    _fill(before)
    receipt = _receipt(store, BY_SUBJECT)
    path = receipt.rewritten[0].path
    store.replace(path, before.read(path))
    (problem,) = verify(store, receipt, [], _nobody).problems
    assert path in problem
    store.delete(receipt.entries[0])
    problems = verify(store, receipt, [], _nobody).problems
    assert any("not on the deny list any more" in each for each in problems)


def test_what_was_written_again_or_merged_since_is_searched_and_holds() -> None:
    store = MemoryStore()
    _fill(store)
    receipt = _receipt(store, BY_SUBJECT)
    erase(store, [Asked(Kind.IMAGE, "image-5")], AT, "", _nobody)
    found = verify(store, receipt, BY_SUBJECT, _nobody)
    assert (found.problems, found.changed) == ([], 2)
    compactor = Compactor(store, grace=0)
    list(compactor.merge(date(2027, 1, 1)))
    compactor.sweep()
    found = verify(store, receipt, BY_SUBJECT, _nobody)
    assert (found.problems, found.changed, found.gone) == ([], 1, len(receipt.rewritten) - 1)


def test_a_value_that_is_known_is_looked_for_in_the_bytes_of_every_object() -> None:
    store = MemoryStore()
    _fill(store)
    image = Asked(Kind.IMAGE, "portrait-of-anna-0007")
    receipt = _receipt(store, [image])
    assert verify(store, receipt, [image], _nobody).problems == []
    store.create("notes/mail.txt", b"see portrait-of-anna-0007 please")
    (problem,) = verify(store, receipt, [image], _nobody).problems
    assert problem.startswith("notes/mail.txt holds it at byte 4")


def test_a_value_that_is_a_part_of_others_is_told_from_them() -> None:
    store = MemoryStore()
    _fill(store)
    image = Asked(Kind.IMAGE, "image-1")
    receipt = _receipt(store, [image])
    assert "image-11" in _left(store)
    assert verify(store, receipt, [image], _nobody).problems == []


def test_days_past_the_retention_go_and_nothing_else() -> None:
    store = MemoryStore()
    _fill(store)
    keep(store, records(3, at=1_790_000_000.0 + 86_400), start=20)
    erase(store, BY_SUBJECT, AT, "", _nobody)
    kept = {each.path for each in store.list() if not each.path.startswith(("model=", "reviews/"))}
    assert retire(store, date(2026, 9, 21)).objects == 0
    assert retire(store, date(2026, 9, 22)).objects == 6
    assert {each.path for each in store.list() if not each.path.startswith("model=")} == kept
    assert [each.name.group.day for each in Archive(store).segments()] == [date(2026, 9, 22)]


def test_a_damaged_segment_is_named_and_the_erasure_does_not_pretend_to_have_ended() -> None:
    store = MemoryStore()
    _fill(store)
    path = next(store.list("model=")).path
    store.replace(path, store.read(path)[:100])
    with pytest.raises(StoreError, match=path.rpartition("/")[2]):
        erase(store, BY_SUBJECT, AT, "", _nobody)


def test_what_can_be_read_is_gone_although_another_segment_is_damaged() -> None:
    store = MemoryStore()
    hers = _fill(store)
    first, second, *rest = [each.path for each in store.list("model=")]
    sound = {path: store.read(path) for path in (first, second)}
    for path, data in sound.items():
        store.replace(path, data[:100])
    with pytest.raises(StoreError) as refused:
        erase(store, BY_SUBJECT, AT, "", _nobody)
    said, *damaged = refused.value.lines
    assert "hidden from every reader" in said
    assert "run this again" in said
    assert [path for path in (first, second) if any(path in line for line in damaged)] == [first, second]
    for path in rest:
        assert not any(each in store.read(path) for each in hers)
    for path, data in sound.items():
        store.replace(path, data)
    assert erase(store, BY_SUBJECT, AT, "", _nobody).entries
    assert holding(store, *hers) == {}


def test_damage_that_shows_while_a_segment_is_written_anew_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    hers = _fill(store)
    purging, bad = erasure.purge_rows, next(store.list("model=")).path

    def purge(kept: Store, path: str, hiding: Callable[[], Hiding]) -> Purged | None:
        if path == bad:
            raise StoreError(f"{path} is damaged")
        return purging(kept, path, hiding)

    monkeypatch.setattr(erasure, "purge_rows", purge)
    with pytest.raises(StoreError, match="not erased as a whole"):
        erase(store, BY_SUBJECT, AT, "", _nobody)
    held = holding(store, *hers).values()
    assert set().union(*held) <= {bad, REVIEWS}
    assert bad in set().union(*held)
