"""How a member of a consumer group reads, commits and lets go of partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pipeline.adapters.kafka.assignor import HonestAssignor
from pipeline.adapters.kafka.fetcher import FETCH_BYTES, PARTITION_FETCH_BYTES
from pipeline.adapters.kafka.network import SILENCE

METADATA_SECONDS = 8.0
"""Seconds between two looks at the topics: new partitions are known after that, and ours three seconds later."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What a member may choose.

    Commits are held back for up to `commit_interval` seconds. A member that is silent for `session_timeout` seconds,
    or does not poll for `max_poll_interval`, loses its partitions. What goes to another member is finished first, for
    `revocation_timeout` seconds at most: far less than `max_poll_interval`, after which the group would go on without
    this member.
    """

    commit_interval: float = 1.0
    session_timeout: float = 45.0
    max_poll_interval: float = 300.0
    revocation_timeout: float = 15.0
    isolation_level: Literal["read_committed", "read_uncommitted"] = "read_committed"
    on_lost_events: Literal["continue", "stop"] = "continue"

    def settings(self, group: str) -> dict[str, Any]:
        """Keyword arguments that make a consumer of kafka-python a member of that group."""
        session_ms = int(self.session_timeout * 1000)
        return {
            "group_id": group,
            "enable_auto_commit": False,
            # Alone: mixed with an eager one, the library refuses. The default two are eager.
            "partition_assignment_strategy": [HonestAssignor],
            "allow_auto_create_topics": False,
            "fetch_max_bytes": FETCH_BYTES,
            "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
            "isolation_level": self.isolation_level,
            "request_timeout_ms": int(SILENCE * 1000),
            "metadata_max_age_ms": int(METADATA_SECONDS * 1000),
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": min(3_000, session_ms // 3),
            "max_poll_interval_ms": int(self.max_poll_interval * 1000),
        }
