"""Whether an archive holds the images that reviews are of, and what it calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from msgspec.structs import replace

from pipeline.archive.archive import Archive, Segment
from pipeline.archive.lookup import Advance, events_called
from pipeline.errors import UsageError
from pipeline.rules.times import ALWAYS
from pipeline.wire import Review
from workers.archive.opening import opened_archive, segments_in
from workers.settings import Settings
from workers.terminal.console import Terminal

_NAMED = 5
Ids = Mapping[str, tuple[str, str]]
"""By an event's or an image's id, both of them: the event's, and the image's."""


def with_ids_of(settings: Settings, address: str, csv: Path, reviews: Sequence[Review]) -> list[Review]:
    """The reviews, with the ids of event and image both. Raises `UsageError` for one of what the archive lacks."""
    with opened_archive(settings, address) as archive:
        segments = segments_in(archive, ALWAYS)
        with Terminal().counting("segments", len(segments)) as counter:
            ids = _ids(archive, segments, {_named(each) for each in reviews}, counter.advance)
    lacking = [each for each in reviews if _named(each) not in ids]
    if lacking:
        more = f" and {len(lacking) - _NAMED:,} more" if len(lacking) > _NAMED else ""
        places = ", ".join(f"{_named(each)!r} ({each.review_id})" for each in lacking[:_NAMED])
        raise UsageError(
            f"{csv}: the archive {address} does not hold {places}{more}; nothing is published. Are they decided, and"
            " kept by now?"
        )
    found = (ids[_named(each)] for each in reviews)
    return [
        replace(each, event_id=event, image_id=image) for each, (event, image) in zip(reviews, found, strict=True)
    ]


def _named(review: Review) -> str:
    return review.event_id or review.image_id


def _ids(archive: Archive, segments: Iterable[Segment], names: set[str], advance: Advance) -> Ids:
    """Of several events of an image the one that was decided last."""
    found: dict[str, tuple[str, str]] = {}
    last: dict[str, int] = {}
    for block, event in events_called(archive, segments, names, ("decided_at",), advance=advance):
        ids, row = block.rows, int(block.offsets[event])
        both = ids["event_id"][row].as_py(), ids["image_id"][row].as_py()
        at = ids["decided_at"][row].cast(pa.int64()).as_py()
        for name in names.intersection(both):
            if at >= last.get(name, at):
                found[name], last[name] = both, at
    return found
