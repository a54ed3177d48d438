"""What is known of the images that were found, read from their rows once it is clear which they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.archive import SIGNALS, Archive, Block, Segment
from pipeline.archive.search.search import Place
from pipeline.signals import Signals
from pipeline.wire import Decision, Region

COLUMNS = ("decision", "thumbnail", *SIGNALS)


@dataclass(frozen=True)
class Found:
    """An image of the archive: what was decided of it, and what it was decided by."""

    decision: Decision
    signals: Signals
    view: Region
    """Where the view was taken by which it was found."""
    thumbnail: bytes | None


def look_up(archive: Archive, places: Iterable[Place]) -> list[Found | None]:
    """The images at these places, in their order; None for one that has been erased meanwhile."""
    asked = list(places)
    found = dict[Place, Found]()
    for segment in dict.fromkeys(place.segment for place in asked):
        found |= _in_segment(archive, segment, [place for place in asked if place.segment == segment])
    return [found.get(place) for place in asked]


def _in_segment(archive: Archive, segment: Segment, places: Sequence[Place]) -> dict[Place, Found]:
    missing = {place.record: place for place in places}
    found = dict[Place, Found]()
    for block in archive.blocks([segment], ["record"]):
        records = block.column("record")
        here = pc.indices_nonzero(pc.is_in(records, value_set=pa.array(list(missing), pa.int64()))).to_pylist()
        for event in here:
            place = missing.pop(records[event].as_py(), None)
            if place is not None:
                found[place] = _found(block.need(COLUMNS), event, place.view)
        if not missing:
            break
    return found


def _found(block: Block, event: int, view: int) -> Found:
    signals = block.signals([event])[0]
    first = len(signals.features)
    closer = signals.closer
    region = signals.region(view) if view < first or closer is None else closer.region(view - first)
    thumbnail = block.rows["thumbnail"][int(block.offsets[event])].as_py()
    return Found(block.decision(event), signals, region, thumbnail)
