"""The twin and the real thing behind one face, so that one suite of behaviours runs over both."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaSource, KafkaWriter
from pipeline.adapters.memory import MemoryBroker, MemorySource, MemoryWriter
from pipeline.items import Batch
from pipeline.ports import Hooks, RecordWriter, Source
from pipeline.wire import Event, Record


class Heard(Hooks):
    """Keeps what the adapters report."""

    def __init__(self) -> None:
        self.assignments: list[int] = []
        self.done = 0
        self.lags: dict[tuple[str, int], int] = {}
        self.text: dict[str, int] = {}
        self.losses: list[tuple[str, int, str, int]] = []

    def lost(self, topic: str, partition: int, reason: str, events: int) -> None:
        self.losses.append((topic, partition, reason, events))

    def assigned(self, partitions: int) -> None:
        self.assignments.append(partitions)

    def committed(self, events: int) -> None:
        self.done += events

    def lag(self, topic: str, partition: int, events: int) -> None:
        self.lags[topic, partition] = events

    def text_cache(self, result: str, count: int) -> None:
        self.text[result] = self.text.get(result, 0) + count


class Bus(Protocol):
    """One topic on a broker, real or not, and what can be made on it."""

    topic: str

    def source(self, **settings: Any) -> Source:
        """A member of this test's group."""

    def writer(self) -> RecordWriter:
        """A writer for any topic."""

    def put(self, *values: bytes, partition_of: bytes | None = None) -> None:
        """Write values into the topic, all to the partition of that key."""

    def everything(self) -> list[Event | Any]:
        """All records of the topic."""

    def make_anew(self) -> None:
        """Delete the topic, and make it again."""


@dataclass
class MemoryBus:
    """The twin."""

    topic: str = "images"
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    ending: ExitStack = field(default_factory=ExitStack)

    def source(self, **settings: Any) -> Source:
        source = MemorySource(self.broker, [self.topic], "group", **settings)
        self.ending.callback(source.close)
        return source

    def writer(self) -> RecordWriter:
        return MemoryWriter(self.broker)

    def put(self, *values: bytes, partition_of: bytes | None = None) -> None:
        for value in values:
            self.broker.append(Record(self.topic, partition_of, value))

    def everything(self) -> list[Any]:
        return self.broker.records(self.topic)

    def make_anew(self) -> None:
        self.broker.delete_topic(self.topic)


@dataclass
class KafkaBus:
    """The real thing: a topic of its own on the shared broker."""

    broker: Any
    topic: str
    group: str
    ending: ExitStack = field(default_factory=ExitStack)

    @property
    def connection(self) -> KafkaConnection:
        return KafkaConnection(self.broker.bootstrap_servers)

    def source(self, **settings: Any) -> Source:
        chosen = {"commit_interval": 0.0, "session_timeout": 1.5, **settings}
        source = KafkaSource(self.connection, self.topic, self.group, **chosen)
        self.ending.callback(source.close)
        return source

    def writer(self) -> RecordWriter:
        writer = KafkaWriter(self.connection, delivery_timeout=20)
        self.ending.callback(writer.close)
        return writer

    def put(self, *values: bytes, partition_of: bytes | None = None) -> None:
        writer = KafkaWriter(self.connection, delivery_timeout=20)
        writer.write([Record(self.topic, partition_of, value) for value in values])
        writer.close()

    def everything(self) -> list[Any]:
        return list(self.broker.read_all(self.topic))

    def make_anew(self, partitions: int = 4) -> None:
        self.broker.make_anew(self.topic, partitions)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch's threads wait for each other by spinning: on busy cores two of them are many times slower than one."""
    import torch  # most tests of this room do without

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["memory", "kafka"])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    """A topic of four partitions, on the twin and on a real broker."""
    if request.param == "memory":
        made: Any = MemoryBus()
    else:
        made = kafka_bus(request)
    with made.ending:
        yield made


@pytest.fixture
def kafka_bus_of_four(request: pytest.FixtureRequest) -> Iterator[KafkaBus]:
    """A topic of four partitions on the real broker alone."""
    made = kafka_bus(request)
    with made.ending:
        yield made


def kafka_bus(request: pytest.FixtureRequest) -> KafkaBus:
    """Asked for by name, so that the twin's half of the suite starts no broker."""
    broker = request.getfixturevalue("kafka")
    new_topic = request.getfixturevalue("new_topic")
    return KafkaBus(broker, new_topic(partitions=4), request.getfixturevalue("group_id"))


MOST = 500
"""Events of a poll, where a test does not ask for fewer."""


def collect(source: Source, count: int, within: float = 20.0, most: int = MOST) -> list[Batch]:
    """Poll, for `most` events at a time, until `count` have come; fails with what came instead."""
    batches: list[Batch] = []
    deadline = time.monotonic() + within
    while sum(map(len, batches)) < count:
        batch = source.poll(0.2, most)
        if batch is not None:
            batches.append(batch)
        assert time.monotonic() < deadline, f"{sum(map(len, batches))} of {count} events in {within} s"
    return batches


def poll_until(condition: Callable[[], bool], source: Source, within: float = 20.0) -> list[Batch]:
    """Poll until something holds, and return what came."""
    batches: list[Batch] = []
    deadline = time.monotonic() + within
    while not condition():
        batch = source.poll(0.1, MOST)
        batches += [batch] if batch is not None else []
        assert time.monotonic() < deadline, f"not within {within} s"
    return batches


class Polling:
    """A source on a thread of its own that polls all the time, as a worker does.

    Two consumers must not be polled in turn by one thread: kafka-python throws away the answer to a JoinGroup that
    arrives between two polls and asks again, and two that always answer each other in that gap never come to rest.
    """

    def __init__(self, source: Source, timeout: float = 0.1, rest: float = 0.0) -> None:
        self.source = source
        self._timeout, self._rest = timeout, rest
        self.batches: list[Batch] = []
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.source.close()

    def order(self, call: Callable[[], None]) -> None:
        """Let the source's own thread make a call on it, between two polls, and wait until it has."""
        done = threading.Event()
        self._orders.put(lambda: (call(), done.set())[0])
        assert done.wait(20)

    @property
    def places(self) -> set[tuple[str, int]]:
        """The partitions that it has now."""
        return set(self.source._ours.partitions)

    def _run(self) -> None:
        while not self._ended.is_set():
            batch = self.source.poll(self._timeout, MOST)
            time.sleep(self._rest)
            if batch is not None:
                self.batches.append(batch)
            while not self._orders.empty():
                self._orders.get()()


def values(batches: list[Batch]) -> list[bytes | None]:
    """The events' values in the order in which they came."""
    return [item.event.value for batch in batches for item in batch.items]
