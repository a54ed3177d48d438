"""How far a group has come, asked of the broker and of no member: it shows what nobody works on, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import stamina
from kafka import KafkaAdminClient, OffsetAndMetadata, OffsetSpec, TopicPartition, errors

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.errors import ServiceError
from pipeline.rules.flow.assignment import Partition, Standing

_ANSWER_MS = 15_000


class Group:
    """Asks about one group on one connection, which is made when it is first needed. One thread uses it."""

    def __init__(self, connection: KafkaConnection, group: str, topics: Sequence[str]) -> None:
        self._connection = connection
        self._group = group
        self._topics = list(topics)
        self._admin: Any = None

    def standings(self) -> dict[Partition, Standing]:
        """Where it stands in each partition of the topics; blocks for seconds. Raises `ServiceError`."""
        try:
            with self._connection.reaching():
                return self._standings(self._connected())
        except ServiceError:
            self.close()
            raise

    def close(self) -> None:
        """Free the connection; the next question makes another one. Idempotent."""
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

    def _connected(self) -> Any:
        if self._admin is None:
            self._admin = self._connection.client(KafkaAdminClient, request_timeout_ms=_ANSWER_MS)
        return self._admin

    def _standings(self, admin: Any) -> dict[Partition, Standing]:
        # Before the ends: what is committed by now lies before what is the end a moment later.
        committed = group_offsets(admin, self._group)
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in admin.describe_topics(self._topics)
            for partition in topic["partitions"]
        ]
        starts = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return {
            (at.topic, at.partition): _standing(committed.get(at), starts[at].offset, ends[at].offset)
            for at in partitions
        }


def _standing(committed: OffsetAndMetadata | None, start: int, end: int) -> Standing:
    offset = -1 if committed is None else committed.offset
    return Standing(start, end - start) if not start <= offset <= end else Standing(offset, end - offset)


def group_offsets(admin: Any, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Ask until there is an answer: the first question about any group makes the topic of the offsets."""
    for attempt in stamina.retry_context(on=errors.RetriableError, attempts=None, timeout=_ANSWER_MS / 1000):
        with attempt:
            offsets: dict[TopicPartition, OffsetAndMetadata] = admin.list_group_offsets({group: None})[group]
    return offsets
