"""What the archiver cannot read, put aside as it came: it stops nobody, and is there for whoever can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from pipeline.archive.files import file_bytes
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.wire import Event

_SCHEMA = pa.schema(
    [
        pa.field("record", pa.int64()),  # offset in its topic
        pa.field("timestamp", pa.float64()),  # of the record, in seconds since 1970
        pa.field("reason", pa.string()),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(pa.struct([pa.field("name", pa.string()), pa.field("value", pa.binary())]))),
    ]
)


class Unreadable(NamedTuple):
    """A record as it came, and why it cannot be read."""

    event: Event
    reason: str


def unreadable_bytes(chain: ChainName, extent: Extent, kept: Sequence[Unreadable]) -> bytes:
    """A file of these records."""
    rows = [
        {
            "record": event.offset,
            "timestamp": event.timestamp,
            "reason": reason.encode("utf-8", "replace").decode(),
            "key": event.key,
            "value": event.value,
            "headers": [
                {"name": name.encode("utf-8", "replace").decode(), "value": value} for name, value in event.headers
            ],
        }
        for event, reason in kept
    ]
    return file_bytes(chain, extent, pa.Table.from_pylist(rows, schema=_SCHEMA), len(kept))
