"""A topic as it lies, for those who look at it afterwards: outside any group, and taking nothing from anybody."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, Protocol

from pipeline.wire import Event, SourceRef


class Span(NamedTuple):
    """Offsets of one partition, from `first` up to and without `end`."""

    first: int
    end: int


Spans = Mapping[int, Span]
"""By the partition's number."""


class Topic(Protocol):
    """One topic. Calls block for seconds and raise `ServiceError`; nothing waits for records still to come."""

    name: str
    id: str
    """Which topic of that name it is: one that is made anew has another. Empty where the broker tells none."""

    def spans(self) -> dict[int, Span]:
        """What each partition holds now."""

    def offsets_at(self, time: float) -> dict[int, int]:
        """For each partition, the first offset whose record is of that time (in seconds) or later; else its end."""

    def partition_of(self, key: bytes) -> int:
        """Where a record with that key goes now, if its writer leaves it to the key. It reads no record."""

    def read(self, spans: Spans) -> Iterator[Event]:
        """The records within these spans, each partition's in order; what has gone meanwhile is left out."""

    def progress(self, name: str) -> dict[int, int]:
        """The offsets that were last kept under that name, for this very topic and none made anew since."""

    def keep_progress(self, name: str, offsets: Mapping[int, int]) -> None:
        """Keep offsets under a name, for whoever asks next, on whichever machine."""

    def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Delete every record of these partitions that stands before the offset, for good."""

    def close(self) -> None:
        """Free the connection. Idempotent."""


class Records(Protocol):
    """Single records of any topic. One thread uses it."""

    def at(self, places: Collection[SourceRef], seconds: float) -> dict[SourceRef, Event | None]:
        """The records that stand there, and None where there is none any more, or was none ever.

        What has not come within `seconds` or so is left out. Raises `ServiceError` where nobody answers.
        """

    def close(self) -> None:
        """Free the connection. Idempotent; it connects again when it is asked again."""
