"""Decisions by their ids."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.lookup import decisions_called, newest_first
from pipeline.rules.archive.remembered import remembered
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Decision, FeaturesRecord
from tests.archive.made import NOON, decision, keep, records, some_signals

DAY = 86_400.0


def of_image(image: str, number: int, at: float) -> FeaturesRecord:
    signals = some_signals(2, np.random.default_rng(number))
    return remembered(decision(number, signals, at, image_id=image), signals)


@pytest.fixture
def archive() -> Archive:
    """Two days, of which each has an image called cat among others, with two views."""
    store = MemoryStore()
    keep(store, [*records(20), of_image("cat", 500, NOON)])
    keep(store, [of_image("cat", 600, NOON + DAY), *records(20, at=NOON + DAY, seed=1)], start=1000)
    return Archive(store)


def called(archive: Archive, *names: str, window: Window = ALWAYS) -> list[Decision]:
    told: list[int] = []
    found = list(decisions_called(archive, newest_first(archive.segments()), names, window, told.append))
    assert sum(told) == 2
    return found


def test_any_of_its_ids_finds_a_decision_and_an_image_has_all_of_its_own_newest_first(archive: Archive) -> None:
    cats = called(archive, "cat")
    assert [each.event_id for each in cats] == [f"{600:032x}", f"{500:032x}"]
    assert called(archive, cats[0].event_id) == called(archive, cats[0].decision_id) == [cats[0]]
    assert called(archive, cats[1].event_id, cats[0].decision_id) == cats


def test_only_what_was_decided_within_the_window_is_found(archive: Archive) -> None:
    assert [each.event_id for each in called(archive, "cat", window=Window(until=NOON + 1))] == [f"{500:032x}"]
    assert called(archive, "cat", window=Window(since=NOON + 1, until=NOON + DAY)) == []


@pytest.mark.parametrize("name", ["", "ca", "cat ", "CAT", f"{99:032x}"])
def test_what_nothing_is_called_is_not_found(archive: Archive, name: str) -> None:
    assert called(archive, name) == []


def test_nothing_of_an_image_that_matches_by_two_ids_is_found_twice() -> None:
    store, record = MemoryStore(), of_image("cat", 500, NOON)
    same = replace(record.decision, image_id=record.decision.event_id)
    keep(store, [replace(record, decision=same)])
    archive = Archive(store)
    assert list(decisions_called(archive, archive.segments(), {same.event_id})) == [same]
