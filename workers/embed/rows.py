"""Features as rows of a table: one for each view of a picture and for each sentence.

Names and types are those of an archive's segments, and `model` and `preprocess` those of its folders, so that the
same query reads both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.archive.rows import Kept, table_of
from pipeline.archive.schema import schema
from pipeline.rules.archive.remembered import HALF
from pipeline.signals import Features, Provenance
from pipeline.wire import FeaturesRecord

_WORD = pa.dictionary(pa.int32(), pa.string())
OF_VIEWS = ("view", "views", "frame", "left", "top", "right", "bottom")


def columns(dimension: int) -> pa.Schema:
    """The columns of features of D numbers. Those of sentences have no image, and those of images no text."""
    kept = schema(dimension)
    return pa.schema(
        [
            kept.field("image_id"),
            kept.field("content_sha256"),
            pa.field("text", pa.string()),
            pa.field("model", _WORD),  # the fingerprint
            pa.field("preprocess", _WORD),
            kept.field("model_name"),
            kept.field("dtype"),
            kept.field("unseen"),
            *(kept.field(name) for name in OF_VIEWS),
            kept.field("features"),
        ]
    )


def of_pictures(records: Sequence[FeaturesRecord]) -> pa.Table:
    """The rows of one picture or more."""
    rows = table_of([Kept(at, record) for at, record in enumerate(records)])
    ref, preprocess = records[0].decision.model, records[0].decision.preprocess
    once = {"text": None, "model": ref.fingerprint, "preprocess": preprocess}
    wanted = columns(records[0].dimension)
    found = [
        pa.array([once[each.name]] * len(rows), each.type) if each.name in once else rows[each.name]
        for each in wanted
    ]
    return pa.table(found, schema=wanted)


def of_texts(texts: Sequence[str], found: Mapping[str, Features], made_by: Provenance) -> pa.Table:
    """A row for each sentence, also for one that comes again: rows stand beside what was asked for."""
    dimension = len(found[texts[0]])
    features = [np.asarray(found[text], HALF).tobytes() for text in texts]
    count = len(texts)
    given = {
        "text": list(texts),
        "model": [made_by.model.fingerprint] * count,
        "model_name": [made_by.model.name] * count,
        "dtype": [made_by.model.dtype] * count,
        "view": [0] * count,
        "views": [1] * count,
        "features": features,
    }
    wanted = columns(dimension)
    return pa.table([pa.array(given.get(each.name, [None] * count), each.type) for each in wanted], schema=wanted)


def matrix(rows: pa.Table, dimension: int) -> Features:
    """The features of the rows, ``float32[N,D]``."""
    data = b"".join(rows["features"].to_pylist())
    return np.frombuffer(data, HALF).reshape(len(rows), dimension).astype(np.float32)
