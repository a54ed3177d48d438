"""What was found, as pages take it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from pipeline.wire import SourceRef
from workers.search.record import Nearby, Record


@dataclass(frozen=True)
class Hit:
    """One picture of the sheet, and where it stands."""

    nearby: Nearby
    source: SourceRef

    @property
    def event_id(self) -> str:
        return self.nearby.event_id


@dataclass(frozen=True)
class Result:
    """The record of a search, as `sluice search --json` prints it, and its pictures."""

    record: Record
    hits: Sequence[Hit]
    where: str
    """What was searched, to a person."""
    over: str = ""
    """Why the search ended before it had seen all; empty where it saw all."""
    against: Sequence[str] = ()
    """What is nearest to the words and stood against them."""

    def chosen(self, events: Collection[str]) -> Result:
        """Those of these events alone."""
        hits = [each for each in self.hits if each.event_id in events]
        found = [each.nearby for each in hits]
        record = replace(self.record, found=found, nothing_like_it=not found)
        return Result(record, hits, self.where, self.over, self.against)
