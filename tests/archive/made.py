"""Archives as tests need them: of records that they choose, and of images that nobody has to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.archive.coarse import COARSE
from pipeline.archive.rows import Kept
from pipeline.archive.segments import parquet_bytes, segment_bytes
from pipeline.ports import Store
from pipeline.rules.archive.names import Group, SegmentName, day_of
from pipeline.rules.archive.remembered import as_kept, remembered
from pipeline.signals import WHOLE, Provenance, Signals, regions_of
from pipeline.wire import Decision, FeaturesRecord, ModelRef, SourceRef, rfc3339

MADE_BY = Provenance(ModelRef("tiny", "f00d", "float32"), "fast-64")
NOON = 1_790_000_000.0
"""Seconds since the epoch: a time in 2026."""


def some_signals(views: int, rng: np.random.Generator, dimension: int = 16) -> Signals:
    """Signals of that many views, in random directions."""
    features = rng.normal(size=(views, dimension)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return Signals(as_kept(features), regions_of([WHOLE] * views), MADE_BY)


def decision(number: int, signals: Signals, at: float = NOON, **fields: object) -> Decision:
    """A decision on event `number` of one partition, which allows."""
    said: dict[str, object] = {
        "event_id": f"{number:032x}",
        "decision_id": f"{number + 1_000_000:032x}",
        "image_id": f"image-{number}",
        "content_sha256": f"{number:064x}",
        "source": SourceRef("sluice.images.v1", 0, number),
        "verdict": "allow",
        "policy_set": "0123456789ab",
        "model": signals.made_by.model,
        "preprocess": signals.made_by.preprocess,
        "frames": signals.frames,
        "event_time": rfc3339(at),
        "decided_at": rfc3339(at),
    }
    return Decision(**(said | fields))  # type: ignore[arg-type]


def records(count: int, *, views: Sequence[int] = (1, 2, 3), seed: int = 0, at: float = NOON) -> list[FeaturesRecord]:
    """That many records, a second apart, of which each has the next number of views."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        signals = some_signals(views[number % len(views)], rng)
        made.append(remembered(decision(number, signals, at + number), signals))
    return made


def keep(store: Store, made: Sequence[FeaturesRecord], *, start: int = 0, partition: int = 0) -> SegmentName:
    """Write the records as one segment of the day of the first, as records from `start` of that partition."""
    first = made[0].decision
    group = Group(first.model.fingerprint, first.preprocess, day_of(first.decided_at))
    name = SegmentName(group, "sluice.features.v1", partition, start)
    kept = [Kept(start + at, record) for at, record in enumerate(made)]
    assert store.create(name.path, segment_bytes(name, kept, start + len(made)))
    return name


def as_before(path: Path) -> None:
    """Write a segment as releases did that knew no coarse features."""
    table = pq.read_table(path).drop_columns(list(COARSE))
    path.write_bytes(parquet_bytes(iter([table]), {}))
