"""Whatever is remembered is read back to the bit, whatever it is and however it is mixed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive import segments
from pipeline.archive.archive import SIGNALS, Archive
from pipeline.rules.archive.remembered import as_kept, remembered, signals_of
from pipeline.signals import REGION, Closer, Signals
from pipeline.wire import FeaturesRecord, Match
from tests.archive.made import MADE_BY, decision, keep

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SHARES = st.floats(0, 1, width=32)
COLUMNS = [
    *SIGNALS,
    "decision",
    "subject",
    "background",
    "background_lse",
    "thumbnail",
    "scores",
    "matches",
    "image_id",
]


@st.composite
def looks(draw: st.DrawFn, dimension: int) -> Signals:
    """Signals of one image: views with any values that are kept, and a second look or none."""
    first, closer = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    features = as_kept(rng.normal(size=(first + closer, dimension)).astype(np.float32))
    regions = np.zeros(first + closer, REGION)
    regions["frame"] = draw(st.lists(st.integers(0, 2**32 - 1), min_size=len(regions), max_size=len(regions)))
    regions["box"] = rng.random((len(regions), 4))
    turned = draw(st.lists(st.sampled_from([None, "90", "180", "mirrored"]), min_size=closer, max_size=closer))
    looked = Closer(features[first:], regions[first:], MADE_BY, turned=tuple(turned), bar=draw(st.floats(0, 1)))
    return Signals(features[:first], regions[:first], MADE_BY, draw(st.integers(0, 99)), looked if closer else None)


@st.composite
def made_records(draw: st.DrawFn) -> list[FeaturesRecord]:
    dimension = draw(st.sampled_from([1, 3, 16]))
    made = []
    for number, signals in enumerate(draw(st.lists(looks(dimension), min_size=1, max_size=8))):
        policies = draw(st.dictionaries(TEXT, st.floats(0, 1), max_size=6))
        matches = [
            Match(name, "v", "block", p, p, draw(TEXT), p) for name, p in policies.items() if draw(st.booleans())
        ]
        fields: dict[str, Any] = {"scores": policies, "matches": matches, "image_id": draw(TEXT)}
        views = len(signals.features) + (0 if signals.closer is None else len(signals.closer.features))
        lse = draw(st.none() | st.lists(st.floats(width=32), min_size=views, max_size=views))
        made.append(
            remembered(
                decision(number, signals, **fields),
                signals,
                background=draw(st.sampled_from(["", "abcd"])),
                background_lse=None if lse is None else np.array(lse, np.float32),
                subject=draw(st.none() | TEXT.filter(bool)),
                thumbnail=draw(st.none() | st.binary(max_size=20)),
            )
        )
    return made


@settings(max_examples=60, deadline=timedelta(seconds=30))
@given(made_records(), st.integers(1, 9))
def test_what_was_kept_is_read_back_to_the_bit(made: list[FeaturesRecord], rows: int) -> None:
    store, before = MemoryStore(), segments.ROWS
    segments.ROWS = rows
    try:
        keep(store, made)
    finally:
        segments.ROWS = before
    archive = Archive(store)
    blocks = list(archive.blocks(archive.segments(), COLUMNS))
    signals = [each for block in blocks for each in block.signals(range(block.events))]
    assert [block.decision(event) for block in blocks for event in range(block.events)] == [
        each.decision for each in made
    ]
    for found, record in zip(signals, made, strict=True):
        assert_same(found, signals_of(record))
    assert [each for block in blocks for each in block.column("subject").to_pylist()] == [
        each.subject for each in made
    ]
    assert [each for block in blocks for each in block.column("thumbnail").to_pylist()] == [
        each.thumbnail for each in made
    ]
    kept = b"".join(np.asarray(block.rows["background_lse"], "<f4").tobytes() for block in blocks)
    wanted = b"".join(
        each.background_lse or np.full(len(each.regions) // REGION.itemsize, np.nan, "<f4").tobytes() for each in made
    )
    assert np.array_equal(np.frombuffer(kept, "<f4"), np.frombuffer(wanted, "<f4"), equal_nan=True)
    assert [dict(each) for block in blocks for each in block.column("scores").to_pylist()] == [
        each.decision.scores for each in made
    ]
    assert all(block.rows["view"][0].as_py() == 0 for block in blocks), "an event is in one block"


def assert_same(found: Signals, wanted: Signals) -> None:
    assert np.array_equal(found.features, wanted.features)
    assert found.regions.tobytes() == wanted.regions.tobytes()
    assert (found.made_by, found.unseen) == (wanted.made_by, wanted.unseen)
    assert (found.closer is None) == (wanted.closer is None)
    if found.closer is not None and wanted.closer is not None:
        assert np.array_equal(found.closer.features, wanted.closer.features)
        assert found.closer.regions.tobytes() == wanted.closer.regions.tobytes()
        assert (found.closer.turned, found.closer.bar) == (wanted.closer.turned, wanted.closer.bar)
