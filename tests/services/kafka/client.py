"""What tests ask of a broker: make topics, put records in, read everything back, look at a group."""

# mypy: disallow-untyped-calls=False
# kafka-python carries no annotations.

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import RetriableError, TopicAlreadyExistsError

from tests.services.deadline import until

_MAX_RECORD = 10 * 1024 * 1024  # bytes, as the broker's message.max.bytes

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Record:
    """A record as it lies in the topic."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0
    offset: int = -1  # -1: not in a topic yet
    timestamp_ms: int = -1

    def header(self, name: str) -> bytes | None:
        """The value of the first header of this name."""
        return next((value for key, value in self.headers if key == name), None)


class BrokerClient:
    """Short-lived clients, one per question: no connection of the harness outlives a broker's restart."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic, wait until every partition has a leader, and return its name."""
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(config or {})}
        with self._admin() as admin:
            admin.create_topics({name: options}, wait_for_metadata=True)
        return name

    def configure_topic(self, name: str, config: Mapping[str, str]) -> None:
        """Change settings of a topic."""
        with self._admin() as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, dict(config))])

    def add_partitions(self, name: str, total: int) -> None:
        """Let a topic have that many partitions in all."""
        with self._admin() as admin:
            admin.create_partitions({name: total})

    def delete_records(self, name: str, before: Mapping[int, int]) -> None:
        """Let the oldest record of each of these partitions be the one at that offset, as retention does."""
        with self._admin() as admin:
            admin.delete_records({TopicPartition(name, number): offset for number, offset in before.items()})

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its records."""
        with self._admin() as admin:
            admin.delete_topics([name])

    def make_anew(self, name: str, partitions: int = 1) -> None:
        """Delete a topic and its records, and make another one of that name."""
        self.delete_topic(name)

        def made() -> bool:
            with suppress(TopicAlreadyExistsError):  # it is still being deleted
                self.create_topic(name, partitions)
                return True
            return False

        until(made, 30, "the topic anew")

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Record:
        """Put one record in and return it as acknowledged, with its partition and offset."""
        chosen = {} if partition is None else {"partition": partition}
        chosen |= {} if timestamp_ms is None else {"timestamp_ms": timestamp_ms}
        return next(self._send(topic, [{"value": value, "key": key, "headers": list(headers), **chosen}]))

    def produce_all(self, topic: str, records: Iterable[Record]) -> list[Record]:
        """Put records in, each into the partition it names; return them as acknowledged, in order."""
        wanted = (
            {"value": new.value, "key": new.key, "headers": list(new.headers), "partition": new.partition}
            for new in records
        )
        return list(self._send(topic, wanted))

    def read_all(self, topic: str, *, isolation_level: str = "read_uncommitted") -> list[Record]:
        """Every record that is in the topic now, by partition and offset; joins no group, commits nothing."""
        found = []
        with self._consumer(isolation_level=isolation_level) as consumer:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            # Positions, not counts: transactions leave markers that take an offset and are never delivered.
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for batch in consumer.poll(timeout_ms=200).values():
                    found += [_record(message) for message in batch if message.offset < ends[_where(message)]]
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def wait_for_records(
        self,
        topic: str,
        count: int,
        within: float = 30.0,
        *,
        enough: Callable[[list[Record]], bool] = lambda _: True,
    ) -> list[Record]:
        """Read the topic until it holds at least `count` records and they are `enough`; return them all."""
        found: list[Record] = []

        def probe() -> bool:
            # The ends first: reading a long topic at every question would take the time that it waits.
            if sum(self.end_offsets(topic).values()) >= count:
                found[:] = self.read_all(topic)
            return len(found) >= count and enough(found)

        until(probe, within, lambda: f"{count} records in {topic}; there are {len(found)}")
        return found

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that the next record of each partition will get."""
        with self._consumer() as consumer:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            return {at.partition: end for at, end in consumer.end_offsets(partitions).items()}

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The group's committed offset of each partition that has one; empty for an unknown group."""
        offsets = self._ask_coordinator(lambda admin: admin.list_group_offsets({group: None}))[group]
        mine = ((at.partition, saved.offset) for at, saved in offsets.items() if at.topic == topic)
        return {partition: offset for partition, offset in mine if offset >= 0}

    def lag(self, group: str, topic: str) -> int:
        """How many records the group has not committed yet, over all partitions."""
        saved = self.committed(group, topic)
        return sum(end - saved.get(partition, 0) for partition, end in self.end_offsets(topic).items())

    def members(self, group: str) -> list[dict[str, Any]]:
        """The group's members as the coordinator sees them (client_id, member_assignment...)."""
        return list(self._ask_coordinator(lambda admin: admin.describe_groups([group]))[group]["members"])

    def _send(self, topic: str, records: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        sizes = {"max_request_size": 4 * _MAX_RECORD, "batch_size": 256 * 1024}
        with closing(KafkaProducer(bootstrap_servers=self.bootstrap_servers, **sizes)) as producer:
            sent = [(record, producer.send(topic, **record)) for record in records]
            producer.flush(timeout=60)
            for record, future in sent:
                at = future.get(timeout=30)
                headers = tuple(record["headers"])
                yield Record(record["key"], record["value"], headers, at.partition, at.offset, at.timestamp)

    def _ask_coordinator(self, question: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        def probe() -> dict[str, Any] | None:
            # The topic of the offsets is made when a group is first asked about, and loaded after a restart.
            with suppress(RetriableError), self._admin() as admin:
                return question(admin)
            return None

        return until(probe, 30.0, "an answer of the group coordinator")

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)) as admin:
            yield admin

    @contextmanager
    def _consumer(self, **settings: Any) -> Iterator[Any]:
        settings |= {"max_partition_fetch_bytes": _MAX_RECORD, "enable_auto_commit": False}
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap_servers, **settings)) as consumer:
            yield consumer


def _where(message: Any) -> TopicPartition:
    return TopicPartition(message.topic, message.partition)


def _record(message: Any) -> Record:
    return Record(
        message.key,
        message.value,
        tuple(message.headers),
        message.partition,
        message.offset,
        message.timestamp,
    )
