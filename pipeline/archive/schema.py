"""The columns of a segment. They only grow, and readers ask for those that they need."""

from __future__ import annotations

import pyarrow as pa

FORMAT = "1"
"""Stands in every segment's metadata; a reader leaves out segments of another format, with a line."""
PROPERTIES = ("format", "fingerprint", "preprocess", "dimension", "topic", "partition", "start", "end", "events")
"""Keys in a segment's metadata, with ``sluice.`` before each. A segment holds what its group has of the records of
one partition of the features topic from ``start`` up to and without ``end``."""
PREFIX = "sluice."

_WORD = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ms", tz="UTC")
_MATCH = pa.struct(
    [
        pa.field("policy", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("action", pa.string()),
        pa.field("score", pa.float64()),
    ]
)


def schema(dimension: int) -> pa.Schema:
    """One row a view; an event's rows follow each other, in the order of its views.

    What is of the event as a whole is repeated in each of its rows, but ``decision`` and ``thumbnail`` stand in the
    first one alone.
    """
    return pa.schema(
        [
            pa.field("record", pa.int64()),  # offset in the features topic
            pa.field("event_id", pa.string()),
            pa.field("decision_id", pa.string()),
            pa.field("image_id", pa.string()),
            pa.field("content_sha256", pa.string()),
            pa.field("subject", pa.string()),
            pa.field("topic", _WORD),
            pa.field("partition", pa.int32()),
            pa.field("offset", pa.int64()),
            pa.field("event_time", _TIME),
            pa.field("decided_at", _TIME),
            pa.field("verdict", _WORD),
            pa.field("policy_set", _WORD),
            pa.field("matches", pa.list_(_MATCH)),
            pa.field("scores", pa.map_(pa.string(), pa.float64())),
            pa.field("decision", pa.binary()),  # JSON, as published
            pa.field("model_name", _WORD),
            pa.field("dtype", _WORD),
            pa.field("unseen", pa.int32()),
            pa.field("view", pa.int32()),
            pa.field("views", pa.int32()),
            pa.field("frame", pa.uint32()),
            pa.field("left", pa.float32()),
            pa.field("top", pa.float32()),
            pa.field("right", pa.float32()),
            pa.field("bottom", pa.float32()),
            pa.field("closer", pa.bool_()),  # of a second look
            pa.field("turned", _WORD),
            pa.field("bar", pa.float64()),
            pa.field("background", _WORD),
            pa.field("background_lse", pa.float32()),
            pa.field("features", pa.binary(2 * dimension)),  # float16, little-endian
            pa.field("thumbnail", pa.binary()),
        ]
    )
