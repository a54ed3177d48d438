"""kafka-python's rebalance listener, in this project's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from kafka import TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener

from pipeline.rules.flow.assignment import Partition


class Rebalances(AsyncConsumerRebalanceListener):
    """Passes on what the coordinator says; runs on the library's own thread.

    Each round of a cooperative rebalance names only what changes. `lost` must be overridden: by default the library
    reports partitions that were taken by force as revoked, which would commit what is no longer ours.
    """

    def __init__(
        self,
        gained: Callable[[Sequence[Partition]], None],
        revoked: Callable[[Sequence[Partition]], Awaitable[None]],
        lost: Callable[[Sequence[Partition]], None],
    ) -> None:
        self._gained, self._revoked, self._lost = gained, revoked, lost

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._gained(_partitions_of(assigned))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Partitions go to another member, once this has returned and the group has been joined again."""
        await self._revoked(_partitions_of(revoked))

    async def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Partitions have gone already: we were silent for too long."""
        self._lost(_partitions_of(lost))


def _partitions_of(partitions: Iterable[TopicPartition]) -> list[Partition]:
    return [(partition.topic, partition.partition) for partition in partitions]
