"""An answer that streamed by, as pages take it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.wire import DeadLetter, Decision, Event, SourceRef, parse_decision, read_dead_letter


@dataclass(frozen=True, slots=True)
class Passing:
    """A decision or a dead letter, and the record that brought it. `number` counts all that this console has read."""

    number: int
    at: float
    """When the record was written, in seconds."""
    said: Decision | DeadLetter
    stored: SourceRef

    @property
    def event_id(self) -> str:
        return self.said.event_id

    @property
    def verdict(self) -> str:
        return self.said.verdict if isinstance(self.said, Decision) else "dead letter"

    @property
    def picture(self) -> SourceRef | None:
        """Where its picture stands: the event, or the dead letter itself, which brings the event's bytes."""
        if isinstance(self.said, Decision):
            return self.said.source
        return self.stored

    @property
    def flagged(self) -> bool:
        """Whether a policy matched, in shadow too."""
        return isinstance(self.said, Decision) and bool(self.said.matches or self.said.shadow)


def passing(number: int, record: Event, dead_letters_topic: str) -> Passing | None:
    """A record of either topic; None for what is no answer of ours."""
    stored = SourceRef(record.topic, record.partition, record.offset)
    if record.topic == dead_letters_topic:
        letter = read_dead_letter(record)
        return None if letter.foreign else Passing(number, record.timestamp, letter, stored)
    try:
        return Passing(number, record.timestamp, parse_decision(record.value or b""), stored)
    except ValueError:
        return None
