"""Records into Kafka, each acknowledged by every in-sync replica before `write` returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import structlog
from kafka import KafkaProducer
from kafka.errors import (
    InvalidRecordError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from kafka.serializer.abstract import Serializer

from pipeline.adapters.kafka.advice import advised
from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.format import sendable
from pipeline.adapters.kafka.network import SILENCE
from pipeline.errors import PublishError, RefusedError, ServiceError
from pipeline.ports import RecordWriter
from pipeline.wire import Record

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""The largest record that is sent at all; the topic's own `max.message.bytes` is the limit that counts."""

REMEMBERED = 60.0
"""Seconds for which a size that a topic refused is not sent there again; the limit may have been raised by then."""

TELL_AFTER = 10.0
"""Seconds for which acknowledgements are waited for in silence, and then between two log lines that say so."""

Compression = Literal["gzip"]

_LINGER_MS = 5
_GRACE = 5.0
# No key on a compacted topic is an invalid record; the others are beyond `max.message.bytes` or our own limit.
_FOR_GOOD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError)

_log = structlog.get_logger(__name__)


class _Nullable(Serializer):
    """Lets a record have neither key nor value.

    `KafkaProducer.send` refuses that, yet such records exist (other clients make them) and a dead letter must carry
    them as they came. `send` looks at what it is given and not at what the serializer makes of it.
    """

    NOTHING = object()

    def serialize(self, topic: str, headers: Any, data: Any) -> Any:  # noqa: ARG002
        return None if data is self.NOTHING else data


class KafkaWriter:
    """A `RecordWriter` on one idempotent producer; one thread calls `write`.

    `delivery_timeout` (seconds) is how long the broker may be away before `write` raises; a restart within that
    time costs nothing but the wait. What is outstanding is bounded by the call: nothing is left when it returns.

    What a broker refuses leaves a gap in the producer's numbering, and kafka-python then fails whatever follows in
    that partition with the same error. So after a refusal the producer is made anew, and each record that failed is
    sent again by itself: only what is refused alone is refused for good.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        delivery_timeout: float = 120.0,
        max_record_bytes: int = MAX_RECORD_BYTES,
        compression: Compression | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect; blocks for up to about ten seconds. Raises `ServiceError` when no broker answers.

        Readers undo a `compression` without knowing of it, and a topic's limit counts compressed bytes.
        """
        self._connection = connection
        self._settings = _settings(delivery_timeout, max_record_bytes, compression)
        self._delivery_timeout = delivery_timeout
        self._clock = clock
        self._too_large: dict[str, tuple[int, float]] = {}
        self._last_words: dict[str, Exception] = {}
        """By topic, the last error for which the client tries again."""
        self._producer = self._connected()

    def write(self, records: Sequence[Record]) -> None:
        """Send them all, then wait until each is acknowledged: at most `delivery_timeout` and a little.

        Raises `PublishError` naming topic and key of the first that is not, and `RefusedError` when all others are.
        """
        deadline = self._clock() + self._delivery_timeout + _GRACE
        self._last_words.clear()
        refused = {index: reason for index, record in enumerate(records) if (reason := self._known(record))}
        failed = self._sent({index: each for index, each in enumerate(records) if index not in refused}, deadline)
        if failed and not any(isinstance(error, _FOR_GOOD) for error in failed.values()):
            index, error = next(iter(failed.items()))
            raise self._unacknowledged(records[index], index, error) from error
        for index in failed:
            self._renew()
            again = self._sent({index: records[index]}, deadline)
            for error in again.values():
                if not isinstance(error, _FOR_GOOD):
                    raise self._unacknowledged(records[index], index, error) from error
                refused[index] = self._refused(records[index], error)
        if failed:
            self._renew()
        if refused:
            raise RefusedError(refused)

    def close(self) -> None:
        """Free the connection; blocks for a few seconds at most.

        Records that no broker has taken by then are given up: `write` has raised for them already.
        """
        try:
            self._producer.close(timeout=_GRACE)
        except KafkaTimeoutError:
            # kafka-python 3.0 flushes first and, where that takes too long, leaves its thread running and itself
            # open, to raise once more when it is collected. Its only way on is private; pinned below 3.1.
            self._producer._sender.force_close()  # noqa: SLF001
            self._producer._closed = True  # noqa: SLF001

    def _connected(self) -> Any:
        with self._connection.reaching():
            producer: Any = self._connection.client(KafkaProducer, **self._settings)
        self._listen_to(producer._sender)  # noqa: SLF001 - there is no other way to hear it
        return producer

    def _listen_to(self, sender: Any) -> None:
        """Keep the errors for which the library tries again.

        It tells them to its log alone, and in the end no more than that time was up.
        """
        dispatch = sender._dispatch_error  # noqa: SLF001 - as above

        def heard(batch: Any, exception: Exception, *how: Any, **named: Any) -> None:
            if not isinstance(exception, KafkaTimeoutError):
                self._last_words[batch.topic_partition.topic] = exception
            dispatch(batch, exception, *how, **named)

        sender._dispatch_error = heard  # noqa: SLF001 - as above

    def _renew(self) -> None:
        """Make the producer anew; raises `PublishError` when the broker has gone meanwhile."""
        self.close()
        try:
            self._producer = self._connected()
        except ServiceError as error:
            raise PublishError(f"Kafka does not let us go on after it refused a record: {error}") from error

    def _sent(self, records: Mapping[int, Record], deadline: float) -> dict[int, Exception]:
        """Send these, wait for every acknowledgement, and return what went wrong instead, if anything."""
        failed: dict[int, Exception] = {}
        futures = {}
        for index, record in records.items():
            try:
                futures[index] = self._send(record)
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller says what becomes of the record
                failed[index] = error
        for index, future in futures.items():
            try:
                self._wait(future, records[index].topic, deadline)
            except Exception as error:  # noqa: BLE001 - as above
                failed[index] = error
        return failed

    def _wait(self, future: Any, topic: str, deadline: float) -> None:
        """Wait for an acknowledgement, and say so in the log while it does not come. Raises what came instead."""
        while not future.is_done and (left := deadline - self._clock()) > TELL_AFTER:
            try:
                future.get(timeout=TELL_AFTER)
            except KafkaTimeoutError:
                if not future.is_done:
                    why = self._last_word(topic)
                    _log.warning("waiting_for_acknowledgements", topic=topic, why=why, gives_up_in=round(left))
        future.get(timeout=max(0.0, deadline - self._clock()))

    def _last_word(self, topic: str) -> str:
        last = self._last_words.get(topic)
        return "the broker says nothing" if last is None else advised(last)

    def _unacknowledged(self, record: Record, index: int, error: Exception) -> PublishError:
        why = advised(error)
        if isinstance(error, KafkaTimeoutError):
            why = f"{why}; {self._last_word(record.topic)}"
        key = "no key" if record.key is None else f"key {record.key.decode('utf-8', 'backslashreplace')!r}"
        size = len(record.value or b"")
        _log.error("record_not_acknowledged", topic=record.topic, key=key, value_bytes=size, error=why)
        said = f"Kafka did not acknowledge a record for {record.topic} ({key}, {size} bytes): {why}"
        return PublishError(said, index)

    def _send(self, record: Record) -> Any:
        value = _Nullable.NOTHING if record.key is None and record.value is None else record.value
        headers = sendable(record.headers)
        return self._producer.send(
            record.topic, key=record.key, value=value, headers=headers, partition=record.partition
        )

    def _known(self, record: Record) -> str | None:
        """Why the record's topic will not take it: it has lately refused one that was no larger. Else None."""
        size, until = self._too_large.get(record.topic, (0, 0.0))
        if not until or _size(record) < size or self._clock() > until:
            return None
        return f"{record.topic} has refused {size:,} bytes"

    def _refused(self, record: Record, error: Exception) -> str:
        if not isinstance(error, InvalidRecordError):
            self._too_large[record.topic] = (_size(record), self._clock() + REMEMBERED)
        return f"{record.topic} does not take it: {error}"


def _size(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def write_stream(
    writer: RecordWriter,
    records: Iterable[Record],
    *,
    on_ack: Callable[[Record], None] = lambda _: None,
    chunk_records: int = 200,
    chunk_bytes: int = 32 * 1024 * 1024,
) -> int:
    """Write any number of records with a bounded number under way, and return how many they were.

    `on_ack` is called for each record, in order, once it is acknowledged. Blocks; raises `PublishError`.
    """
    count = 0
    for chunk in _chunks(records, chunk_records, chunk_bytes):
        writer.write(chunk)
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


def _settings(delivery_timeout: float, max_record_bytes: int, compression: Compression | None) -> dict[str, Any]:
    delivery_ms = int(delivery_timeout * 1000)
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": compression,  # none as a rule: images are compressed already
        "linger_ms": _LINGER_MS,
        "batch_size": 1024 * 1024,
        "max_request_size": max_record_bytes,
        "delivery_timeout_ms": delivery_ms,
        # The library insists that a request and the linger fit into the delivery timeout.
        "request_timeout_ms": min(int(SILENCE * 1000), delivery_ms - _LINGER_MS - 1),
        "max_block_ms": delivery_ms,  # how long `send` looks for the topic's partitions
        "allow_auto_create_topics": False,  # a mistyped topic is an error and not a new topic
        "value_serializer": _Nullable(),
    }
