"""What an archive's decisions say of two policies, a block at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block
from pipeline.archive.scored import Scored
from pipeline.lab.backtest.sides import Found, Roster, decided
from pipeline.lab.backtest.thumbnails import pictures_of
from pipeline.lab.comparing.record import OUTCOMES, Comparison, Told
from pipeline.lab.comparing.tally import Outcomes, Tally
from pipeline.wire import CANARY_IDS

COLUMNS = (
    "policy_set",
    "decided_at",
    "image_id",
    *(f"matches.list.element.{part}" for part in ("policy", "mode", "action")),
)
"""What is read of every row."""
_TOLD = ("record", "event_id", "decision_id", "scores")
EVERY_COLUMN = (*COLUMNS, *_TOLD)
"""What may be read of some: of a bucket all is read at once."""
NO_THUMBNAIL = "the archive has no thumbnail of it"


class Comparing:
    """Counts blocks. A policy set that does not score both says nothing of the two."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._scored = Scored()

    def take(self, block: Block) -> None:
        """Count the events of a block, which needs `COLUMNS`; canaries are left out."""
        codes = self._scored.sets_of(block)
        scored, canary = np.array(self._both(), bool)[codes], pc.starts_with(block.column("image_id"), CANARY_IDS)
        meant = scored & ~canary.to_numpy()
        self._tally.add_without(int((~scored).sum()), ())
        if not meant.any():
            return
        for number, images in enumerate(np.bincount(codes[meant]).tolist()):
            if images:
                self._tally.add_set(self._scored.versions[number], images)
        roster = Roster([self._tally.a, self._tally.b])
        found = decided(block, roster)
        a, b = (_outcomes(block, found, policy) for policy in (0, 1))
        times = block.column("decided_at").cast(pa.int64()).to_numpy()[meant] / 1000
        day = block.segment.name.group.day.isoformat()
        self._tally.add(day, a[meant], b[meant], float(times.min()), float(times.max()))
        self._tell(block, np.flatnonzero(meant & ((a > 0) != (b > 0))), a, b)

    def _both(self) -> list[bool]:
        """Of each policy set that was met, whether it scores both."""
        self._tally.known.update(*self._scored.policies)
        return [{self._tally.a, self._tally.b} <= each for each in self._scored.policies]

    def _tell(self, block: Block, events: NDArray[np.intp], a: Outcomes, b: Outcomes) -> None:
        """Of events that only one of the two flags, keep those that chance draws."""
        if not len(events):
            return
        ids = block.need(["event_id"]).rows["event_id"].take(pa.array(block.offsets[events])).to_pylist()
        for event, event_id in zip(events.tolist(), ids, strict=True):
            lots = self._tally.lots(int(a[event]), int(b[event]))
            if lots is not None and lots.wants(event_id):
                lots.keep(self._told(block, event, int(a[event]), int(b[event])))

    def _told(self, block: Block, event: int, a: int, b: int) -> Told:
        row = int(block.offsets[event])
        told = {name: block.need(_TOLD).rows[name][row].as_py() for name in (*_TOLD, "decided_at", "image_id")}
        scores = dict(told["scores"])
        return Told(
            image_id=told["image_id"],
            event_id=told["event_id"],
            decision_id=told["decision_id"],
            decided_at=told["decided_at"].isoformat(timespec="milliseconds"),
            scores=(scores[self._tally.a], scores[self._tally.b]),
            outcomes=(OUTCOMES[a], OUTCOMES[b]),
            segment=block.segment.path,
            record=told["record"],
        )


def with_pictures(comparison: Comparison, archive: Archive) -> Comparison:
    """The same, with the thumbnails that the archive has of the images that are told of."""
    keys = [(each.segment, each.record) for each in (*comparison.only_a, *comparison.only_b) if each.segment]
    found = dict(pictures_of(archive, keys))

    def pictured(told: Told) -> Told:
        picture = found.get((told.segment, told.record))
        return replace(told, thumbnail=picture, no_picture=NO_THUMBNAIL if picture is None else "")

    only_a, only_b = (tuple(map(pictured, each)) for each in (comparison.only_a, comparison.only_b))
    return replace(comparison, only_a=only_a, only_b=only_b)


def _outcomes(block: Block, found: Found, policy: int) -> Outcomes:
    """``int64[E]``: what that policy made of each event."""
    made = np.zeros(block.events, np.int64)
    mine = found.policy == policy
    made[found.event[mine]] = found.outcome[mine]
    return made
