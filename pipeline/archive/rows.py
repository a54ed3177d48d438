"""From features records to rows: columns of one value a view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.archive.coarse import Coarse
from pipeline.archive.schema import schema
from pipeline.rules.archive.remembered import HALF
from pipeline.signals import REGION
from pipeline.wire import FeaturesRecord, decision_json


class Kept(NamedTuple):
    """A features record, and its offset in the features topic."""

    offset: int
    record: FeaturesRecord


def table_of(kept: Sequence[Kept]) -> pa.Table:
    """The rows of one record or more, of one dimension, in their order."""
    dimension = kept[0].record.dimension
    of = schema(dimension)
    views = np.array([len(each.record.regions) // REGION.itemsize for each in kept])
    repeats, columns = np.repeat(np.arange(len(kept)), views), dict[str, Any]()
    for name, values in _of_events(kept).items():
        columns[name] = pa.array(values, of.field(name).type).take(pa.array(repeats))
    columns["scores"] = _scores(kept, of.field("scores").type).take(pa.array(repeats))
    of_views = _of_views(kept, views)
    features = b"".join(each.record.features for each in kept)
    columns["features"] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(dimension * HALF.itemsize), len(repeats), [None, pa.py_buffer(features)]
    )
    columns |= Coarse.of(np.frombuffer(features, HALF).reshape(-1, dimension)).columns()
    first = of_views["view"] == 0
    for name, values in _of_first_views(kept).items():
        spread = np.full(len(repeats), None, object)
        spread[first] = values
        columns[name] = pa.array(spread, pa.binary())
    for name, of_view in of_views.items():
        columns[name] = pa.array(of_view, of.field(name).type, from_pandas=True)
    return pa.table([columns[name] for name in of.names], schema=of)


def _of_events(kept: Sequence[Kept]) -> dict[str, list[Any]]:
    decisions = [each.record.decision for each in kept]
    return {
        "record": [each.offset for each in kept],
        "event_id": [each.event_id for each in decisions],
        "decision_id": [each.decision_id for each in decisions],
        "image_id": [each.image_id for each in decisions],
        "content_sha256": [each.content_sha256 for each in decisions],
        "subject": [each.record.subject for each in kept],
        "topic": [each.source.topic for each in decisions],
        "partition": [each.source.partition for each in decisions],
        "offset": [each.source.offset for each in decisions],
        "event_time": [datetime.fromisoformat(each.event_time) for each in decisions],
        "decided_at": [datetime.fromisoformat(each.decided_at) for each in decisions],
        "verdict": [each.verdict for each in decisions],
        "policy_set": [each.policy_set for each in decisions],
        "matches": [
            [
                {"policy": match.policy, "mode": mode, "action": match.judged or match.action, "score": match.score}
                for mode, matches in (("enforce", each.matches), ("shadow", each.shadow))
                for match in matches
            ]
            for each in decisions
        ],
        "model_name": [each.model.name for each in decisions],
        "dtype": [each.model.dtype for each in decisions],
        "unseen": [each.record.unseen for each in kept],
        "background": [each.record.background or None for each in kept],
    }


def _scores(kept: Sequence[Kept], column: pa.MapType) -> pa.MapArray:
    """As `pa.array` makes it of pairs, which takes three times as long."""
    scores = [each.record.decision.scores for each in kept]
    offsets = np.zeros(len(scores) + 1, np.int32)
    np.cumsum([len(each) for each in scores], out=offsets[1:])
    keys = pa.array(chain.from_iterable(scores), pa.string())
    values = pa.array(chain.from_iterable(each.values() for each in scores), pa.float64())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values).cast(column)


def _of_first_views(kept: Sequence[Kept]) -> dict[str, list[bytes | None]]:
    return {
        "decision": [decision_json(each.record.decision) for each in kept],
        "thumbnail": [each.record.thumbnail for each in kept],
    }


def _of_views(kept: Sequence[Kept], views: np.ndarray) -> dict[str, Any]:
    regions = np.frombuffer(b"".join(each.record.regions for each in kept), REGION)
    view = np.concatenate([np.arange(count) for count in views])
    closer = view >= np.repeat([each.record.first_look for each in kept], views)
    box = regions["box"]
    return {
        "view": view,
        "views": np.repeat(views, views),
        "frame": regions["frame"],
        "left": box[:, 0],
        "top": box[:, 1],
        "right": box[:, 2],
        "bottom": box[:, 3],
        "closer": closer,
        "turned": [turned for each in kept for turned in (*[None] * each.record.first_look, *each.record.turned)],
        "bar": np.repeat([each.record.bar for each in kept], views),
        "background_lse": np.concatenate([_lse(each.record, count) for each, count in zip(kept, views, strict=True)]),
    }


def _lse(record: FeaturesRecord, views: int) -> np.ndarray:
    found = np.frombuffer(record.background_lse, "<f4")
    return found if len(found) == views else np.full(views, np.nan, "<f4")
