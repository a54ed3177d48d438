"""Which events the archive holds already of the last records of a partition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow.compute as pc
import structlog

from pipeline.archive.files import file_rows
from pipeline.archive.listing import listed
from pipeline.errors import StoreAwayError, StoreError
from pipeline.ports import Store

_log = structlog.get_logger(__name__)


def kept_since(store: Store, topic: str, partition: int, offset: int, day: date) -> Iterator[tuple[int, str]]:
    """Offset and event id of records of a partition that are kept, from `offset` on and of `day` or the day before.

    A damaged segment is left out, and named in the log. Raises `StoreAwayError`.
    """
    for segment in listed(store).segments:
        name = segment.name
        if (name.topic, name.partition) != (topic, partition) or name.group.day < day - timedelta(days=1):
            continue
        if segment.until is None or segment.until > offset:
            yield from kept_in(store, segment.path, offset)


def kept_in(store: Store, path: str, offset: int = 0) -> Iterator[tuple[int, str]]:
    """Offset and event id of each event of one segment, from `offset` on."""
    try:
        rows = file_rows(store, path, ["record", "event_id", "view"])
    except StoreAwayError:
        raise
    except (StoreError, FileNotFoundError) as error:
        _log.warning("segment_not_read", path=path, error=str(error), consequence="repeats of its events are kept")
        return
    rows = rows.filter((pc.field("view") == 0) & (pc.field("record") >= offset))
    yield from zip(rows["record"].to_pylist(), rows["event_id"].to_pylist(), strict=True)
