from __future__ import annotations

import pytest

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import SIGNALS, Archive
from pipeline.archive.denied import DenyList
from pipeline.errors import StoreError
from pipeline.rules.archive.denied import Kind, erased
from tests.archive.made import keep, records

AT = "2026-11-26T00:00:00.000Z"


def _shown(archive: Archive) -> list[str]:
    blocks = archive.blocks(archive.segments(), [*SIGNALS, "decision"])
    return [block.decision(event).image_id for block in blocks for event in range(block.events)]


def test_what_is_erased_is_hidden_at_once_from_a_reader_that_was_there_before() -> None:
    store = MemoryStore()
    keep(store, records(10))
    archive = Archive(store)
    assert len(_shown(archive)) == 10
    DenyList(store).add([erased(Kind.IMAGE, "image-1"), erased(Kind.SHA256, f"{5:064x}")], AT)
    assert _shown(archive) == [f"image-{number}" for number in (0, 2, 3, 4, 6, 7, 8, 9)]
    assert _shown(Archive(store)) == _shown(archive)


def test_the_signals_of_what_is_left_are_its_own() -> None:
    store, made = MemoryStore(), records(9)
    keep(store, made)
    DenyList(store).add([erased(Kind.IMAGE, "image-4")], AT)
    archive = Archive(store)
    found = [signals for block in archive.blocks(archive.segments(), SIGNALS) for signals in block.signals(range(8))]
    left = [each for number, each in enumerate(made) if number != 4]
    assert [signals.features.astype("<f2").tobytes() for signals in found] == [each.features for each in left]


def test_the_list_names_nobody() -> None:
    store = MemoryStore()
    path = DenyList(store).add([erased(Kind.SUBJECT, "anna@example.com")], AT, by="privacy team")
    assert b"anna" not in store.read(path)
    assert "anna" not in path


def test_the_same_erasure_is_one_object_and_is_loaded_once() -> None:
    store = MemoryStore()
    deny_list = DenyList(store)
    first = deny_list.add([erased(Kind.IMAGE, "a"), erased(Kind.IMAGE, "b")], AT)
    assert deny_list.add([erased(Kind.IMAGE, "b"), erased(Kind.IMAGE, "a")], "2027-01-01T00:00:00.000Z") == first
    assert len(list(store.list("erased/"))) == 1
    assert deny_list.load() is deny_list.load()


def test_a_list_that_cannot_be_read_shows_nothing_and_is_named() -> None:
    store = MemoryStore()
    keep(store, records(3))
    archive = Archive(store)
    store.create("erased/0123.json", b'{"at": 3')
    with pytest.raises(StoreError, match=r"erased/0123\.json.*nothing may be shown"):
        _shown(archive)
    with pytest.raises(StoreError, match="erased/0123"):
        Archive(store)
