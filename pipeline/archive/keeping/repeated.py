"""Which records of a chain repeat an event that an earlier one holds: redeliveries, whose first answer stays."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.listing import Segment, that_count
from pipeline.archive.segments import opened
from pipeline.ports import Store

_DIGITS = 32
"""Of an event's id, in hex."""
_ID = np.dtype([("high", "<u8"), ("low", "<u8")])


def repeated(store: Store, chain: Iterable[Segment]) -> NDArray[np.int64]:
    """``int64[R]``: records of these segments, sorted, whose event is that of an earlier record in them.

    Holds 24 bytes an event.
    """
    ids, records = [np.zeros(0, _ID)], [np.zeros(0, np.int64)]
    for segment in chain:
        with opened(store.local(segment.path) or store.open(segment.path), segment.path) as file:
            rows = that_count(file.read(["record", "event_id", "view"]), segment)
        rows = rows.filter(pc.field("view") == 0)
        ids.append(_numbers(rows["event_id"]))
        records.append(rows["record"].to_numpy())
    event, record = np.concatenate(ids), np.concatenate(records)
    order = np.lexsort((record, event["low"], event["high"]))
    event, record = event[order], record[order]
    return np.sort(record[1:][event[1:] == event[:-1]])


def _numbers(event_ids: pa.ChunkedArray) -> NDArray[np.void]:
    """The ids as numbers of 128 bits; one that is not 32 hex digits as a hash of itself."""
    told = event_ids.combine_chunks()
    lengths = pc.binary_length(told).to_numpy(zero_copy_only=False)
    if (lengths == _DIGITS).all() and pc.all(pc.match_substring_regex(told, "^[0-9a-f]*$")).as_py() is not False:
        texts = b"".join(each.as_buffer() for each in told)
        raw = bytes.fromhex(texts.decode())
    else:
        raw = b"".join(sha256((each.as_py() or "").encode()).digest()[:16] for each in told)
    return np.frombuffer(raw, _ID)
