"""An answer that was found: a decision or a dead letter, and where it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.wire import DeadLetter, Decision, Event, SourceRef, rfc3339


@dataclass(frozen=True, slots=True)
class Found:
    """A decision or a dead letter. `stored` and `time` are of its record, where it was found in a topic."""

    said: Decision | DeadLetter
    time: str | None = None
    stored: SourceRef | None = None
    by: str = ""
    """The id of the decision that supersedes it; empty where none was found."""

    @property
    def identity(self) -> object:
        """What two findings of the same answer share: going back to policies of before gives the id of before."""
        said = self.said
        if isinstance(said, Decision):
            return said.decision_id, said.supersedes or ""
        return said.stored, said.event_id

    @property
    def when(self) -> str:
        """By what answers are put in order: when it was decided, or when the dead letter was written."""
        return self.said.decided_at if isinstance(self.said, Decision) else self.said.time or ""

    @property
    def ids(self) -> frozenset[str]:
        """By what a person may call it."""
        said = self.said
        named = [said.event_id, said.image_id]
        if isinstance(said, Decision):
            named += [said.decision_id, said.supersedes or ""]
        return frozenset(name for name in named if name)


def found_in(record: Event, said: Decision | DeadLetter) -> Found:
    """What a topic's record says."""
    return Found(said, rfc3339(record.timestamp), SourceRef(record.topic, record.partition, record.offset))


def in_order(found: Iterable[Found]) -> list[Found]:
    """The newest first, each decision once however often it was published, and marked with what supersedes it."""
    once = {each.identity: each for each in sorted(found, key=lambda each: each.when, reverse=True)}
    later: dict[str, str] = {}
    marked: list[Found] = []
    for each in sorted(once.values(), key=lambda each: each.when, reverse=True):
        said = each.said
        if not isinstance(said, Decision):
            marked.append(each)
            continue
        marked.append(replace(each, by=later.pop(said.decision_id, "")))
        if said.supersedes:
            later.setdefault(said.supersedes, said.decision_id)
    return marked
