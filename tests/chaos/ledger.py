"""What was sent and acknowledged: the one witness that does not depend on what is under test."""

from __future__ import annotations

import threading
from dataclasses import dataclass

LEDGER_HEADER = "x-ledger"
"""Every event carries its number in this header, which answers carry along."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that the broker has acknowledged."""

    number: int
    kind: str
    topic: str
    epoch: str
    """The id of the topic: one that was made anew has another, and its offsets begin again."""
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    sha256: str
    """Of the value, in hex."""


class Ledger:
    """Safe to share between the producer's threads and whoever looks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._failed: list[str] = []

    def acknowledged(self, sent: Sent) -> None:
        with self._lock:
            self._sent.append(sent)

    def failed(self, why: str) -> None:
        """The producer was told nothing: the event may be in the topic or not."""
        with self._lock:
            self._failed.append(why)

    def sent(self) -> list[Sent]:
        with self._lock:
            return list(self._sent)

    @property
    def failures(self) -> list[str]:
        with self._lock:
            return list(self._failed)

    def __len__(self) -> int:
        return len(self._sent)
