"""Events that can never be polled, and why."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.ports import LOSSES
from pipeline.rules.flow.assignment import Partition

EXPIRED, RECREATED, TRUNCATED, CORRUPT = LOSSES


@dataclass(frozen=True, slots=True)
class Lost:
    """Events of one partition that will never be polled: it should go on at `looked_for` and goes on at `begins`."""

    partition: Partition
    reason: str
    looked_for: int
    begins: int
    why: str = ""

    @property
    def events(self) -> int:
        """How many there were at most; 0 where nobody can know, because the log is another one now."""
        return self.begins - self.looked_for if self.reason in {EXPIRED, CORRUPT} else 0

    @property
    def log_is_another(self) -> bool:
        """Whether the same offsets stand for other events from now on."""
        return self.reason in {RECREATED, TRUNCATED}
