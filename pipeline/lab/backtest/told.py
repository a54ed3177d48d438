"""What is told of single events of a block."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.lab.backtest.moves import OUTCOMES
from pipeline.lab.backtest.record import Near
from pipeline.lab.backtest.sides import Found

COLUMNS = ("record", "image_id", "event_id", "decision_id", "decided_at")


def tell(
    block: Block, policy: int, scores: Iterable[tuple[int, float | None]], before: Found, after: Found
) -> list[Near]:
    """The images of these events, which have these scores under a policy, by its number in the roster."""
    found = list(scores)
    if not found:
        return []
    block.need(COLUMNS)
    rows = block.offsets[[event for event, _ in found]]
    columns = {name: block.rows[name].take(pa.array(rows)).to_pylist() for name in COLUMNS}
    was, now = (_outcomes(side, policy) for side in (before, after))
    return [
        Near(
            image_id=columns["image_id"][at],
            event_id=columns["event_id"][at],
            decision_id=columns["decision_id"][at],
            decided_at=columns["decided_at"][at].isoformat(timespec="milliseconds"),
            score=score,
            before=OUTCOMES[was.get(event, 0)],
            after=OUTCOMES[now.get(event, 0)],
            segment=block.segment.path,
            record=columns["record"][at],
        )
        for at, (event, score) in enumerate(found)
    ]


def records_of(block: Block) -> NDArray[np.int64]:
    """``int64[E]``: each event's offset in the features topic."""
    return np.asarray(block.need(["record"]).rows["record"].to_numpy()[block.offsets[:-1]], np.int64)


def _outcomes(found: Found, policy: int) -> dict[int, int]:
    mine = found.policy == policy
    return dict(zip(found.event[mine].tolist(), found.outcome[mine].tolist(), strict=True))
