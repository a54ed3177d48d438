"""Reviews, kept beside the segments: files of a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from pipeline.archive.denied import OF_REVIEWS, DenyList, shown
from pipeline.archive.files import file_bytes, file_rows
from pipeline.ports import Store
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.rules.archive.denied import NOBODY, Denied
from pipeline.rules.archive.names import REVIEWS
from pipeline.rules.times import ALWAYS, Window, in_utc
from pipeline.wire import Review, rfc3339

"""The folder of all reviews; in it one for each day on which reviews were given, in UTC."""

_SCHEMA = pa.schema(
    [
        pa.field("record", pa.int64()),  # offset in the reviews topic
        pa.field("review_id", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("image_id", pa.string()),
        pa.field("policy", pa.string()),
        pa.field("label", pa.string()),
        pa.field("reviewer", pa.string()),
        pa.field("inclusion_probability", pa.float64()),
        pa.field("at", pa.timestamp("ms", tz="UTC")),
    ]
)
_WORDS = ("review_id", "event_id", "image_id", "policy", "label", "reviewer", "inclusion_probability")


def reviews_bytes(
    chain: ChainName, extent: Extent, kept: Sequence[tuple[int, Review]], denied: Denied = NOBODY
) -> bytes:
    """A file of these reviews but of what is denied, each with its offset in the reviews topic."""
    columns: dict[str, Any] = {"record": [offset for offset, _ in kept]}
    columns |= {name: [getattr(review, name) for _, review in kept] for name in _WORDS}
    columns["at"] = [in_utc(review.at) for _, review in kept]
    rows = shown(pa.table(columns, schema=_SCHEMA), denied, OF_REVIEWS)
    return file_bytes(chain, extent, rows, len(rows))


def reviews_in(store: Store, deny_list: DenyList, window: Window = ALWAYS) -> Iterator[Review]:
    """All reviews given within the window, by day and in the order of the topic, but those of what is erased.

    Raises `StoreError`.
    """
    for stored in store.list(f"{REVIEWS}day="):
        day = stored.path.split("/")[1].removeprefix("day=")
        if not window.touches(date.fromisoformat(day)):
            continue
        for row in shown(file_rows(store, stored.path), deny_list.load(), OF_REVIEWS).to_pylist():
            at = row.pop("at").timestamp()
            del row["record"]
            if window.holds(at):
                yield Review(at=rfc3339(at), **row)
