"""Samples, once a second: what the group has committed, what lies in the output topics, and what in the input.

In that order, so that whatever a sample says is committed must be answered in the outputs that it names: the answers
were acknowledged before the commit, and so before they were looked at.
"""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from tests.chaos.producer import Stream

EVERY = 1.0
"""Seconds between two samples."""
SPIN = 0.02
"""CPU seconds that are spent to see how long they take."""
_ID = "topic-id:"

Place = tuple[str, int]
"""A topic and one of its partitions."""


@dataclass(frozen=True)
class Sample:
    """One look."""

    at: float
    """When the look at the commits began, on the monotonic clock."""
    epoch: str
    committed: Mapping[tuple[str, int], int]
    """By the topic's id and the partition."""
    answers: Mapping[Place, int]
    """One past the last record of each partition of the output topics."""
    events: Mapping[int, int]
    """One past the last event of each partition of the images topic, as it is now."""
    stretch: float = 1.0
    """Seconds that a CPU second takes on this machine now: more than 1 where others want its cores."""

    def waiting(self, partition: int) -> int:
        """How many events of a partition are not committed."""
        return self.events.get(partition, 0) - self.committed.get((self.epoch, partition), 0)


class Watcher:
    """Samples on a thread until it is closed. A broker that does not answer leaves a gap."""

    def __init__(self, servers: str, stream: Stream, group: str, outputs: Sequence[str]) -> None:
        self._servers = servers
        self._stream = stream
        self._group = group
        self._outputs = outputs
        self.samples: list[Sample] = []
        self.missed = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-watcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with ExitStack() as held:
                    self._watch(held)
            except Exception:  # noqa: BLE001 - the broker is away, or the topic is being made anew
                self.missed += 1
                self._ended.wait(EVERY / 2)

    def _watch(self, held: ExitStack) -> None:
        patience = {"request_timeout_ms": 3000, "bootstrap_timeout_ms": 3000}
        admin = held.enter_context(closing(KafkaAdminClient(bootstrap_servers=self._servers, **patience)))
        consumer = held.enter_context(
            closing(KafkaConsumer(bootstrap_servers=self._servers, metadata_max_age_ms=2000, **patience))
        )
        while not self._ended.wait(EVERY):
            self.samples.append(self._look(admin, consumer))

    def _look(self, admin: Any, consumer: Any) -> Sample:
        at, epoch, stream = time.monotonic(), self._stream.epoch, self._stream
        saved = admin.list_group_offsets({self._group: None})[self._group]
        committed = {
            (offset.metadata.removeprefix(_ID) if offset.metadata else epoch, place.partition): offset.offset
            for place, offset in saved.items()
            if place.topic == stream.topic and offset.offset >= 0
        }
        answers = {
            tuple(place): end
            for topic in self._outputs
            for place, end in consumer.end_offsets(_partitions(consumer, topic)).items()
        }
        events = [TopicPartition(stream.topic, number) for number in range(stream.partitions)]
        ends = {place.partition: end for place, end in consumer.end_offsets(events).items()}
        if stream.epoch != epoch:
            raise LookupError("the topic was made anew in the middle of the look")
        return Sample(at, epoch, committed, answers, ends, stretch())


def stretch() -> float:
    """Seconds that a CPU second takes now, by taking `SPIN` of one."""
    began, spent = time.perf_counter(), time.thread_time()
    while time.thread_time() - spent < SPIN:
        pass
    return max(1.0, (time.perf_counter() - began) / (time.thread_time() - spent))


def _partitions(consumer: Any, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
