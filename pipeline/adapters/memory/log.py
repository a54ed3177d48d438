"""The records of one partition of a `MemoryBroker`."""

from __future__ import annotations

from pipeline.wire import Event

FREED = 1_000
"""Deleted records that may lie in memory until their place is freed."""


class Log:
    """Records by their offsets, the oldest at `first`. Its broker's lock guards it."""

    def __init__(self) -> None:
        self.first = 0
        self._begins = 0
        self._records: list[Event] = []

    @property
    def end(self) -> int:
        """The offset of the next record."""
        return self._begins + len(self._records)

    def append(self, event: Event) -> None:
        self._records.append(event)

    def read(self, offset: int, most: int | None = None) -> list[Event]:
        """As many as there are from that offset on; what is deleted is left out."""
        begins = max(offset, self.first)
        ends = self.end if most is None else offset + most
        return self._records[begins - self._begins : max(begins, ends) - self._begins]

    def delete_before(self, offset: int) -> None:
        """Delete what stands before the offset, or the end."""
        self.first = max(self.first, min(offset, self.end))
        if self.first - self._begins >= FREED:
            del self._records[: self.first - self._begins]
            self._begins = self.first
