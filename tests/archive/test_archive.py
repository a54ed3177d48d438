from __future__ import annotations

import numpy as np
import pytest

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import SIGNALS, Archive
from pipeline.errors import StoreError
from pipeline.rules.archive.remembered import signals_of
from pipeline.wire import FeaturesRecord, archive_record_bytes, parse_archive_record
from tests.archive.made import keep, records


def test_what_was_kept_is_read_back_to_the_bit() -> None:
    store, made = MemoryStore(), records(50)
    keep(store, made)
    archive = Archive(store)
    blocks = list(archive.blocks(archive.segments(), [*SIGNALS, "decision"]))
    assert sum(block.events for block in blocks) == len(made)
    decisions = [block.decision(event) for block in blocks for event in range(block.events)]
    assert decisions == [each.decision for each in made]
    found = [signals for block in blocks for signals in block.signals(range(block.events))]
    for signals, record in zip(found, made, strict=True):
        wanted = signals_of(record)
        assert np.array_equal(signals.features, wanted.features)
        assert np.array_equal(signals.regions, wanted.regions)
        assert signals.made_by == wanted.made_by


def test_a_record_survives_the_wire() -> None:
    for record in records(3):
        found = parse_archive_record(archive_record_bytes(record))
        assert isinstance(found, FeaturesRecord)
        assert found == record


def test_a_damaged_segment_is_named() -> None:
    store = MemoryStore()
    name = keep(store, records(3))
    store.replace(name.path, store.read(name.path)[:-40])
    archive = Archive(store)
    with pytest.raises(StoreError, match=r"sluice\.features\.v1-0-0"):
        list(archive.blocks(archive.segments(), SIGNALS))
