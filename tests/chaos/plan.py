"""What a run is asked for, and how its workers are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PARTITIONS = 6
MOST_PARTITIONS = 10
SESSION = 6.0
"""Seconds of silence after which the group takes a worker's partitions away."""
MAX_POLL = 14.0
"""Seconds without a poll after which it does."""
DELIVERY = 120.0
"""Seconds that a worker goes on trying to publish: longer than the broker is ever away here."""
WAIT = 15.0
"""Seconds for which no partition may wait for a commit after a fault, beyond what a run without faults takes."""

SETTINGS: Mapping[str, object] = {
    "device": "cpu",
    "session_timeout": SESSION,
    "max_poll_interval": MAX_POLL,
    "revocation_timeout": 4,
    "drain_timeout": 8,
    "commit_interval": 0.5,
    "delivery_timeout": DELIVERY,
    "share_image_features": True,
    "remember": 200,
    "decode_timeout": 3,
    "decode_cpu_timeout": 2,
    "cores": 1,
    "log_format": "json",
}


@dataclass(frozen=True)
class Plan:
    """One run. `faults` are names, in the order of the registry; none makes it a soak."""

    minutes: float = 2.0
    workers: int = 2
    moderators: int = 1
    """1: workers around one encoder process. More: each worker is a supervisor of that many and of an encoder."""
    seed: int = 0
    faults: tuple[str, ...] = ()
    rate: float = 8.0
    """Events a second."""
    events: int | None = None
    """Stop after so many events instead of after the minutes."""
    rounds: int | None = None
    """Stop after so many rounds instead: then the same faults are done whatever the machine's speed."""
    warm: bool = False
    """Fork the processes from an interpreter that has imported all, so that less of the time goes into imports."""

    @property
    def quiet(self) -> float:
        """Seconds without faults at the start: what they measure is what a fault is measured against."""
        return min(40.0, max(10.0, self.minutes * 60 * 0.08))
