"""kafka-python's fetcher, made fair, sparing and hard to stop.

The library hands out one partition's fetch to its end before it looks at the next: with fetches of 16 MiB and images
of 100 KB, a partition with work waited for 160 images of its neighbour. Here all fetched partitions give a share to
every poll, and those that have given all are fetched again while the others still have some.

What cannot be read is passed over and reported (`partition_records`). An offset that the broker does not have any
more, or not yet, is reported too, and the partition begins anew at the oldest record that there is.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import Any

import structlog
from kafka import errors
from kafka.consumer import fetcher
from kafka.protocol.consumer import OffsetResetStrategy

from pipeline.adapters.kafka.losses import Lost
from pipeline.adapters.kafka.partition_records import Ahead, PartitionRecords

PARTITION_FETCH_BYTES = 16 * 1024 * 1024
"""Most bytes of one partition in a fetch. Measured with a busy thread beside it: 654 records of 100 KB a second at
the library's default of 1 MiB, 1,117 at 8 MiB. A record that is larger still comes, alone."""

LEAST_FETCH_BYTES = 1024 * 1024
FETCH_BYTES = 32 * 1024 * 1024
BUFFER_BYTES = 64 * 1024 * 1024
"""Bytes that all partitions together may hold fetched; shared among them, so that none waits for what others fill."""

POLL_BYTES = 64 * 1024 * 1024
"""Bytes, once inflated, with which a poll has enough: 1 MB of gzip may be a gigabyte, and 64 of them came at once."""

REFUSED_SECONDS = 1.0
"""Seconds for which a partition is left alone after the broker refused a fetch of it."""

IDLE_WAIT_MS = 500
BUSY_WAIT_MS = 50
"""Milliseconds that the broker may hold back an answer for want of records: less while other partitions have records
here, since a partition whose records run out is not asked for again before that answer."""

_log = structlog.get_logger(__name__)


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
        self.cut: dict[Any, tuple[int, int]] = {}
        """By partition, the offset that was asked for and where the log now ends before it; taken out like `lost`."""
        self.held: set[Any] = set()
        """Partitions that are not fetched until it is known what became of their log; the consumer lets them go."""
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
        room = POLL_BYTES
        drained: defaultdict[Any, list[Any]] = defaultdict(list)
        parts = [part for part in self._ready if not self._subscriptions.is_paused(part.topic_partition)]
        while left and room > 0 and parts:
            share = -(-left // len(parts))
            for part in parts:
                before, part.room = part.bytes_read, room
                left -= self._append(drained, part, min(share, left), update_offsets)
                room -= part.bytes_read - before
                self._note(part)
                self._ready.remove(part)
                if part:
                    self._ready.append(part)  # behind those that gave nothing this time
                if not left or room <= 0:
                    break
            parts = [part for part in parts if part]
        return dict(drained), self._buffered() >= BUFFER_BYTES

    @staticmethod
    def taken(found: dict[Any, Any]) -> list[tuple[Any, Any]]:
        """What was found by partition so far, which is then forgotten; the library's thread may be adding to it."""
        return [(partition, found.pop(partition)) for partition in list(found)]

    def forget(self, partition: Any) -> None:
        """Forget what was found in a partition that begins at a committed offset: it was another tenancy's."""
        for found in (self.out_of_range, self.cut, self.begun):
            found.pop(partition, None)

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
        self.held.add(partition)
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
        """Ask whether the log is still the one that we have read; a partition where it is not is held."""
        try:
            return super().validate_offsets_if_needed(timeout_ms)
        except errors.LogTruncationError as error:
            cut = {at: to for at, to in error.divergent_offsets.items() if self._subscriptions.has_valid_position(at)}
        for partition, to in cut.items():
            position = self._subscriptions.position(partition).offset
            if to is None:
                self.begin_anew(partition, position)
            else:
                self.held.add(partition)
                self.cut[partition] = position, to.offset
        return None

    def _buffered(self) -> int:
        return sum(part.size for part in self._ready)

    def _fetchable_partitions(self) -> list[Any]:
        now = time.monotonic()
        not_now = {part.topic_partition for part in list(self._ready)}
        not_now |= {partition for partition, until in self._left_alone.items() if until > now} | self.held
        return [partition for partition in super()._fetchable_partitions() if partition not in not_now]

    def _create_fetch_requests(self) -> dict[Any, Any]:
        share = BUFFER_BYTES // max(1, len(self._subscriptions.assigned_partitions()))
        self.config["max_partition_fetch_bytes"] = max(LEAST_FETCH_BYTES, min(PARTITION_FETCH_BYTES, share))
        self.config["fetch_max_wait_ms"] = BUSY_WAIT_MS if self._ready else IDLE_WAIT_MS
        requests: dict[Any, Any] = super()._create_fetch_requests()
        return requests
