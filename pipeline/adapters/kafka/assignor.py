"""kafka-python's cooperative assignor, claiming what its member holds and nothing else.

The library claims, when it joins again, what it was last assigned, also after it was put out of the group and holds
nothing any more. The leader then leaves out of others' shares whatever the claimant is not to keep, until the
claimant lets go of it. It holds none of that to let go of, so those partitions would be nobody's until the group next
changes: seen after a broker had hung, for minutes and without an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor


class HonestAssignor(CooperativeStickyAssignor):
    """One for each consumer. Until it is told what the member holds, it claims nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: Callable[[], Iterable[Any]] = tuple

    def metadata(self, topics: Any) -> Any:
        """What the member tells the group when it joins: its topics, and the partitions that it holds."""
        self.member_assignment = list(self.holds())
        return super().metadata(topics)
