"""Which events the archive holds already of the last records of a partition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice

import pyarrow.compute as pc
import structlog

from pipeline.archive.files import file_rows
from pipeline.archive.listing import listed
from pipeline.archive.lookup import newest_first
from pipeline.errors import StoreAwayError, StoreError
from pipeline.ports import Store
from pipeline.rules.archive.chain import ChainName
from pipeline.rules.archive.logs import topic_of

_log = structlog.get_logger(__name__)


def kept_before(store: Store, chain: ChainName, record: int, window: int, day: date) -> Iterator[tuple[int, str]]:
    """Offset and event id of what is kept of the `window` records before that one, of `day` or the day before.

    Of topics with that name that were deleted before this one was made it is the last `window` events, which count as
    if they stood at `record`. A damaged segment is left out, and named in the log. Raises `StoreAwayError`.
    """
    former = []
    for segment in listed(store).segments:
        name = segment.name
        if name.partition != chain.partition or name.group.day < day - timedelta(days=1):
            continue
        if name.topic == chain.topic and (segment.until is None or segment.until > record - window):
            yield from kept_in(store, segment.path, record - window)
        elif name.topic != chain.topic and topic_of(name.topic) == topic_of(chain.topic):
            former.append(segment)
    held = (list(kept_in(store, segment.path)) for segment in newest_first(former))
    last = (event for kept in held for _, event in reversed(kept))
    yield from ((record, event) for event in islice(last, window))


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
