"""kafka-python's fetcher, made fair, sparing and hard to stop.

The library hands out one partition's fetch to its end before it looks at the next: with fetches of 16 MiB and images
of 100 KB, a partition with work waited for 160 images of its neighbour. Here all fetched partitions give a share to
every poll, and those that have given all are fetched again while the others still have some.

A batch that cannot be read is passed over, and what it held is reported. An offset that the broker does not have any
more, or not yet, is reported too, and the partition begins anew at the oldest record that there is.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from kafka import errors
from kafka.consumer import fetcher
from kafka.protocol.consumer import IsolationLevel, OffsetResetStrategy

from pipeline.ports import LOSSES
from pipeline.rules.flow.assignment import Partition

PARTITION_FETCH_BYTES = 16 * 1024 * 1024
"""Most bytes of one partition in a fetch. Measured with a busy thread beside it: 654 records of 100 KB a second at
the library's default of 1 MiB, 1,117 at 8 MiB. A record that is larger still comes, alone."""

LEAST_FETCH_BYTES = 1024 * 1024
FETCH_BYTES = 32 * 1024 * 1024
BUFFER_BYTES = 64 * 1024 * 1024
"""Bytes that all partitions together may hold fetched; shared among them, so that none waits for what others fill."""

REFUSED_SECONDS = 1.0
"""Seconds for which a partition is left alone after the broker refused a fetch of it."""

DOUBTS = 3
"""Fetches in a row that may bring the same batch from behind the partition's end before it is taken for damaged. A
broker notes the end before it reads, so what is written in between lies behind that end, once: on a real one, under
load, 11 of 200,000 records."""

V2 = 2
"""The version of the batch format that knows transactions and headers."""

IDLE_WAIT_MS = 500
BUSY_WAIT_MS = 50
"""Milliseconds that the broker may hold back an answer for want of records: less while other partitions have records
here, since a partition whose records run out is not asked for again before that answer."""

_log = structlog.get_logger(__name__)

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


@dataclass(frozen=True, slots=True)
class Ahead:
    """A batch that came for `position` and names an `offset` behind the partition's end, in `fetches` in a row."""

    position: int
    offset: int
    fetches: int = 1

    def after(self, before: Ahead | None) -> Ahead:
        """The same, counted on where the fetch `before` brought it too."""
        if before is None or (before.position, before.offset) != (self.position, self.offset):
            return self
        return Ahead(self.position, self.offset, before.fetches + 1)


class PartitionRecords(fetcher.Fetcher.PartitionRecords):
    """What one fetch brought of one partition, read batch by batch, each as it is asked for."""

    lost: list[Lost]
    highwater: int
    size: int
    before: Ahead | None
    """What the fetch before this one left, because it lay behind the end."""
    ahead: Ahead | None
    """What this one leaves; the next fetch begins with it."""

    def _unpack_records(self, tp: Any, records: Any, *_: object) -> Iterator[Any]:
        while (batch := self._next(records)) is not None:
            try:
                _check(batch)
                if self._is_ahead(batch):
                    break
                if self._holds_events(batch):
                    yield from self._events(tp, batch)
            except Exception as error:  # noqa: BLE001 - codecs raise what they like
                self._pass_over(batch, error)
            else:
                if batch.magic == V2:  # compaction may have taken its last records
                    self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)
        self.drain()

    def _next(self, records: Any) -> Any:
        try:
            return records.next_batch()
        except Exception as error:  # noqa: BLE001 - so short, say, that it has no header: nothing behind it is found
            self._pass_over(None, error)
            return None

    def _is_ahead(self, batch: Any) -> bool:
        """Whether the batch lies behind the partition's end, by the end that this fetch told, and may do so.

        Raises `CorruptRecordError` where fetch after fetch says so. The offset is not under the checksum: a damaged
        one would be committed, and all events before it lost.
        """
        if not batch.base_offset >= self.highwater >= 0:
            return False
        ahead = Ahead(self.next_fetch_offset, batch.base_offset).after(self.before)
        if ahead.fetches > DOUBTS:
            raise errors.CorruptRecordError(f"its offset, {batch.base_offset}, lies behind the partition's end")
        self.ahead = ahead
        return True

    def _holds_events(self, batch: Any) -> bool:
        """Whether a batch holds anything for us: no marker, and nothing of a transaction that was aborted."""
        if batch.magic < V2:
            return True
        self.leader_epoch = batch.leader_epoch
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return False
        return not batch.is_control_batch

    def _events(self, tp: Any, batch: Any) -> Iterator[Any]:
        for record in batch:
            _check(record)
            self.records_read += 1
            self.bytes_read += record.size_in_bytes
            self.next_fetch_offset = max(self.next_fetch_offset, record.offset + 1)
            yield fetcher.ConsumerRecord(
                tp.topic,
                tp.partition,
                self.leader_epoch,
                record.offset,
                record.timestamp,
                record.timestamp_type,
                record.key,
                record.value,
                record.headers,
                record.checksum,
                -1,
                -1,
                -1,
            )

    def _pass_over(self, batch: Any, error: Exception) -> None:
        """Go on behind a batch that cannot be read; the end that it names is believed only within the partition."""
        first = self.next_fetch_offset
        after = batch.next_offset if batch is not None and batch.magic == V2 else first + 1
        if not first < after <= self.highwater:
            after = first + 1
        self.next_fetch_offset = after
        why = f"{type(error).__name__}: {error}"
        self.lost.append(Lost(tuple(self.topic_partition), CORRUPT, first, after, why))


def _check(checked: Any) -> None:
    if not checked.validate_crc():
        raise errors.CorruptRecordError("the checksum is wrong")


class FairFetcher(fetcher.Fetcher):
    """A fetcher that gives every partition its turn; takes the place of the consumer's own."""

    PartitionRecords = PartitionRecords

    def __init__(self, client: Any, subscriptions: Any, **configs: Any) -> None:
        super().__init__(client, subscriptions, **configs)
        self._ready: deque[Any] = deque()
        self.lost: list[Lost] = []
        """Events that cannot be read; the consumer takes them out to report them."""
        self.out_of_range: dict[Any, int] = {}
        """By partition, the offset that was asked for and does not exist; taken out like `lost`."""
        self.begun: dict[Any, int] = {}
        """By partition, where one that was sent to the oldest record began; taken out like `lost`."""
        self._left_alone: dict[Any, float] = {}
        self._ahead: dict[Any, Ahead] = {}

    def fetched_records(
        self, max_records: int | None = None, update_offsets: bool = True
    ) -> tuple[dict[Any, list[Any]], bool]:
        """A share of each fetched partition's records, and whether enough is left not to ask for more."""
        self._parse_completed()
        left: int = max_records or self.config["max_poll_records"]  # type: ignore[assignment]
        drained: defaultdict[Any, list[Any]] = defaultdict(list)
        parts = [part for part in self._ready if not self._subscriptions.is_paused(part.topic_partition)]
        while left and parts:
            share = -(-left // len(parts))
            for part in parts:
                left -= self._append(drained, part, min(share, left), update_offsets)
                self._note(part)
                self._ready.remove(part)
                if part:
                    self._ready.append(part)  # behind those that gave nothing this time
                if not left:
                    break
            parts = [part for part in parts if part]
        return dict(drained), self._buffered() >= BUFFER_BYTES

    def _note(self, part: Any) -> None:
        self.lost += part.lost
        part.lost.clear()
        if part.ahead is not None:
            self._ahead[part.topic_partition] = part.ahead

    def close(self) -> None:
        super().close()
        for part in self._ready:
            part.drain()
        self._ready.clear()

    def _parse_completed(self) -> None:
        for _ in range(len(self._completed_fetches)):
            completion = self._completed_fetches.popleft()
            if self._subscriptions.is_paused(completion.topic_partition):
                self._completed_fetches.append(completion)  # read now, it would be thrown away
                continue
            part = self._parse(completion)
            if part:
                self._ready.append(part)

    def _parse(self, completion: Any) -> Any:
        try:
            part = self._parse_fetched_data(completion)
        except errors.OffsetOutOfRangeError:
            self.begin_anew(completion.topic_partition, completion.fetched_offset)
            return None
        except errors.AuthorizationError:
            raise
        except errors.KafkaError as error:
            self._leave_alone(completion.topic_partition, error)
            return None
        if part is not None:
            part.lost = []
            part.before, part.ahead = self._ahead.pop(completion.topic_partition, None), None
            part.highwater = completion.partition_data.high_watermark
            part.size = len(completion.partition_data.records or b"")
        return part

    def _leave_alone(self, partition: Any, error: Exception) -> None:
        """Do not fetch from it for `REFUSED_SECONDS`: the broker may be unable to read its own log there."""
        _log.warning("fetch_refused", topic=partition.topic, partition=partition.partition, error=str(error))
        self._left_alone[partition] = time.monotonic() + REFUSED_SECONDS

    def begin_anew(self, partition: Any, offset: int) -> None:
        """Go to the oldest record that there is, and remember which offset was looked for instead."""
        self.out_of_range[partition] = offset
        self.to_the_oldest(partition)

    def to_the_oldest(self, partition: Any) -> None:
        """Ask where a partition begins, and go there; `begun` tells where that was."""
        self.begun.pop(partition, None)
        self._subscriptions.request_offset_reset(partition, OffsetResetStrategy.EARLIEST)

    def _reset_offset_if_needed(self, partition: Any, timestamp: Any, offset: int) -> None:
        super()._reset_offset_if_needed(partition, timestamp, offset)
        if self._subscriptions.is_assigned(partition):
            self.begun[partition] = offset  # the position itself may be far ahead before anybody looks

    def validate_offsets_if_needed(self, timeout_ms: float | None = None) -> Any:
        """Ask whether the log is still the one that we have read; where it was cut, go on from the cut."""
        try:
            return super().validate_offsets_if_needed(timeout_ms)
        except errors.LogTruncationError as error:
            cut = {at: to for at, to in error.divergent_offsets.items() if self._subscriptions.has_valid_position(at)}
        for partition, to in cut.items():
            position = self._subscriptions.position(partition).offset
            if to is None:
                self.begin_anew(partition, position)
            else:
                self._subscriptions.seek(partition, to.offset)
                self.lost.append(Lost(tuple(partition), TRUNCATED, position, to.offset))
        return None

    def _buffered(self) -> int:
        return sum(part.size for part in self._ready)

    def _fetchable_partitions(self) -> list[Any]:
        now = time.monotonic()
        not_now = {part.topic_partition for part in list(self._ready)}
        not_now |= {partition for partition, until in self._left_alone.items() if until > now}
        return [partition for partition in super()._fetchable_partitions() if partition not in not_now]

    def _create_fetch_requests(self) -> dict[Any, Any]:
        share = BUFFER_BYTES // max(1, len(self._subscriptions.assigned_partitions()))
        self.config["max_partition_fetch_bytes"] = max(LEAST_FETCH_BYTES, min(PARTITION_FETCH_BYTES, share))
        self.config["fetch_max_wait_ms"] = BUSY_WAIT_MS if self._ready else IDLE_WAIT_MS
        requests: dict[Any, Any] = super()._create_fetch_requests()
        return requests
