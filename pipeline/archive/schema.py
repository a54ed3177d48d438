"""The columns of a segment. They only grow, and readers ask for those that they need."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.rules.archive.remembered import HALF

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


_COLUMNS: tuple[tuple[str, pa.DataType | None, str], ...] = (
    ("record", pa.int64(), "offset of its record in the features topic"),
    ("event_id", pa.string(), "the event; drop repeats by it"),
    ("decision_id", pa.string(), "the decision"),
    ("image_id", pa.string(), "the image, as its sender calls it"),
    ("content_sha256", pa.string(), "hash of the image's bytes, in hex"),
    ("subject", pa.string(), "whom the image is of, where a header or field names it"),
    ("topic", _WORD, "where the event stands"),
    ("partition", pa.int32(), "where the event stands"),
    ("offset", pa.int64(), "where the event stands"),
    ("event_time", _TIME, "when the event was written"),
    ("decided_at", _TIME, "when it was decided; the segment's `day` is of it"),
    ("verdict", _WORD, "allow, label, review or block"),
    ("policy_set", _WORD, "version of the policies that decided"),
    (
        "matches",
        pa.list_(_MATCH),
        "policies whose score reached a threshold; mode is enforce or shadow, action what it reached, held or not",
    ),
    ("scores", pa.map_(pa.string(), pa.float64()), "every policy's score"),
    ("decision", pa.binary(), "the decision in JSON, as it was published; in the first view's row alone"),
    ("model_name", _WORD, "the model; the segment's `model` is its fingerprint"),
    ("dtype", _WORD, "what the image tower computed in"),
    ("unseen", pa.int32(), "frames that were not looked at"),
    ("view", pa.int32(), "number of this view, from 0"),
    ("views", pa.int32(), "how many views the image has, a row for each"),
    ("frame", pa.uint32(), "frame that the view is of"),
    ("left", pa.float32(), "edge of the view, as a share of the picture's width"),
    ("top", pa.float32(), "edge of the view, as a share of its height"),
    ("right", pa.float32(), "edge of the view, as a share of its width"),
    ("bottom", pa.float32(), "edge of the view, as a share of its height"),
    ("closer", pa.bool_(), "whether the view is one of a second look"),
    ("turned", _WORD, "how such a view was turned"),
    ("bar", pa.float64(), "score from which such views count"),
    ("background", _WORD, "digest of the background that `background_lse` is of"),
    ("background_lse", pa.float32(), "log-sum-exp of the view against that background"),
    ("coarse", None, "the features in a byte each, turned, as multiples of `coarse_step`: for a first look alone"),
    ("coarse_step", pa.float32(), "of `coarse`"),
    ("coarse_error", pa.float32(), "length of what `coarse` leaves out of the features, at most"),
    ("features", None, "of the view: float16, little-endian, of length 1"),
    ("thumbnail", pa.binary(), "WebP, where one is kept; in the first view's row alone"),
)
"""Name, type and meaning; of those without a type `_OF_NUMBERS` says what bytes a number of the features takes."""
_OF_NUMBERS = {"coarse": 1, "features": HALF.itemsize}
DESCRIBED = {name: said for name, _, said in _COLUMNS}
"""What each column holds, in the order of the columns."""


def schema(dimension: int) -> pa.Schema:
    """One row a view; an event's rows follow each other, in the order of its views.

    What is of the event as a whole is repeated in each of its rows, but ``decision`` and ``thumbnail`` stand in the
    first one alone.
    """
    return pa.schema([pa.field(name, kind or pa.binary(_OF_NUMBERS[name] * dimension)) for name, kind, _ in _COLUMNS])


def halves_of(column: pa.Array) -> NDArray[np.float16]:
    """``float16[V,D]`` over the very bytes of a column of features."""
    width = column.type.byte_width
    if not len(column):
        return np.zeros((0, width // HALF.itemsize), HALF)
    whole = np.frombuffer(column.buffers()[1], HALF, len(column) * width // HALF.itemsize, column.offset * width)
    return whole.reshape(len(column), -1)
