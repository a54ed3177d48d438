"""What a fetch brought of one partition. A batch that cannot be read is passed over, and what it held is reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any

from kafka import errors
from kafka.consumer import fetcher
from kafka.protocol.consumer import IsolationLevel

from pipeline.adapters.kafka.losses import CORRUPT, Lost

DOUBTS = 3
"""Fetches in a row that may bring the same batch from behind the partition's end before it is taken for damaged. A
broker notes the end before it reads, so what is written in between lies behind that end, once: on a real one, under
load, 11 of 200,000 records."""

V2 = 2
"""The version of the batch format that knows transactions and headers."""


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
    room: float = inf
    """Bytes, once inflated, with which `take` has enough."""

    def take(self, n: int | None = None) -> list[Any]:
        """The next `n` records, or fewer where those have `room` bytes; one at least, if there is one."""
        records, before = [], self.bytes_read
        for record in islice(self.record_iterator, n):
            records.append(record)
            if self.bytes_read - before >= self.room:
                break
        return records

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
