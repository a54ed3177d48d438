"""Records into Kafka, each acknowledged by every in-sync replica before `publish` returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.serializer.abstract import Serializer

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.errors import PublishError
from pipeline.ports import Publisher
from pipeline.wire import Record

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""The largest record that is sent at all; the topic's own `max.message.bytes` is the limit that counts."""

_LINGER_MS = 5
_GRACE = 5.0

_log = structlog.get_logger(__name__)


class _Nullable(Serializer):
    """Lets a record have neither key nor value.

    `KafkaProducer.send` refuses that, yet such records exist (other clients make them) and a dead letter must carry
    them as they came. It looks at what it is given and not at what the serializer makes of it.
    """

    NOTHING = object()

    def serialize(self, topic: str, headers: Any, data: Any) -> Any:  # noqa: ARG002
        return None if data is self.NOTHING else data


class KafkaPublisher:
    """A `Publisher` on one idempotent producer; one thread calls `publish`.

    `delivery_timeout` (seconds) is how long the broker may be away before `publish` raises; a restart within that
    time costs nothing but the wait. What is outstanding is bounded by the call: nothing is left when it returns.

    After a `PublishError` a publisher is spent: what the broker refused leaves a gap in the producer's numbering, and
    kafka-python then fails whatever follows in that partition with the same error.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        delivery_timeout: float = 120.0,
        max_record_bytes: int = MAX_RECORD_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect; blocks for up to about ten seconds. Raises `ServiceError` when no broker answers."""
        self._delivery_timeout = delivery_timeout
        self._clock = clock
        with connection.reaching():
            self._producer = KafkaProducer(**connection.settings(), **_settings(delivery_timeout, max_record_bytes))

    def publish(self, records: Sequence[Record]) -> None:
        """Send them all, then wait until each is acknowledged: at most `delivery_timeout` and a little.

        Raises `PublishError` naming topic and key of the first that is not.
        """
        deadline = self._clock() + self._delivery_timeout + _GRACE
        sent = [(record, self._send(record)) for record in records]
        for record, future in sent:
            try:
                future.get(timeout=max(0.0, deadline - self._clock()))
            except Exception as error:
                raise _unacknowledged(record, error) from error

    def close(self) -> None:
        """Free the connection; blocks for a few seconds at most.

        Records that no broker has taken by then are given up: `publish` has raised for them already.
        """
        try:
            self._producer.close(timeout=_GRACE)
        except KafkaTimeoutError:
            # kafka-python 3.0 flushes first and, where that takes too long, leaves its thread running and itself
            # open, to raise once more when it is collected. Its only way on is private; pinned below 3.1.
            self._producer._sender.force_close()  # noqa: SLF001
            self._producer._closed = True  # noqa: SLF001

    def _send(self, record: Record) -> Any:
        value = _Nullable.NOTHING if record.key is None and record.value is None else record.value
        try:
            return self._producer.send(record.topic, key=record.key, value=value, headers=list(record.headers))
        except Exception as error:
            raise _unacknowledged(record, error) from error


def publish_stream(
    publisher: Publisher,
    records: Iterable[Record],
    *,
    on_ack: Callable[[Record], None] = lambda _: None,
    chunk_records: int = 200,
    chunk_bytes: int = 32 * 1024 * 1024,
) -> int:
    """Publish any number of records with a bounded number under way, and return how many they were.

    `on_ack` is called for each record, in order, once it is acknowledged. Blocks; raises `PublishError`.
    """
    count = 0
    for chunk in _chunks(records, chunk_records, chunk_bytes):
        publisher.publish(chunk)
        count += len(chunk)
        for record in chunk:
            on_ack(record)
    return count


def _chunks(records: Iterable[Record], most: int, most_bytes: int) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.value or b"")
        if len(chunk) >= most or size >= most_bytes:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _settings(delivery_timeout: float, max_record_bytes: int) -> dict[str, Any]:
    delivery_ms = int(delivery_timeout * 1000)
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": None,  # images are compressed already
        "linger_ms": _LINGER_MS,
        "batch_size": 1024 * 1024,
        "max_request_size": max_record_bytes,
        "delivery_timeout_ms": delivery_ms,
        # The library insists that a request and the linger fit into the delivery timeout.
        "request_timeout_ms": min(30_000, delivery_ms - _LINGER_MS - 1),
        "max_block_ms": delivery_ms,  # how long `send` looks for the topic's partitions
        "allow_auto_create_topics": False,  # a mistyped topic is an error and not a new topic
        "value_serializer": _Nullable(),
    }


def _unacknowledged(record: Record, error: Exception) -> PublishError:
    key = "no key" if record.key is None else f"key {record.key.decode('utf-8', 'backslashreplace')!r}"
    size = len(record.value or b"")
    _log.error("record_not_acknowledged", topic=record.topic, key=key, value_bytes=size, error=str(error))
    return PublishError(f"Kafka did not acknowledge a record for {record.topic} ({key}, {size} bytes): {error}")
