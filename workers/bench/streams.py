"""The pipeline end to end over given images: through the memory twin, and through a real Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread

from pipeline.adapters.kafka import TopicPlan, create_topics, write_stream
from pipeline.adapters.memory import MemoryBroker, MemorySource, MemoryWriter
from pipeline.errors import StopError
from pipeline.ports import Hooks, Publisher, Source
from pipeline.wire import Answer, Record
from workers import assembly, services
from workers.assembly import Judge
from workers.bench.clock import cpu_seconds
from workers.bench.limits import Cost, measured
from workers.settings import Settings

PARTITIONS = 6
RETENTION = 3600.0
PATIENCE = 3600.0
"""Seconds after which a stream is stuck; how long one may take is the budget's business."""
POLL = 0.1


@dataclass
class Clockwork(Hooks):
    """Stage seconds, and the clocks from the first poll to the last answer."""

    expected: int
    stages: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    """Seconds from each event's timestamp to its answer."""
    started: tuple[float, float] | None = None
    ended: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self.done = Flag()
        self._lock = Lock()

    def polled(self, events: int, value_bytes: int) -> None:
        """Start the clocks at the first poll that brings something."""
        del events, value_bytes
        self.started = self.started or (time.perf_counter(), cpu_seconds())

    def stage_done(self, stage: str, seconds: float, items: int) -> None:
        del items
        with self._lock:
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    def answered(self, answer: Answer, latency: float | None) -> None:
        """Stop the clocks at the last answer."""
        del answer
        self.latencies.append(latency or 0.0)
        if self.count == self.expected:
            self.ended = (time.perf_counter(), cpu_seconds())
            self.done.set()

    @property
    def count(self) -> int:
        return len(self.latencies)

    def cost(self) -> Cost:
        """What it cost from the first poll to the last answer."""
        wall, cpu = self.started or (0.0, 0.0)
        return Cost(self.count, self.ended[0] - wall, self.ended[1] - cpu)


def through_memory(settings: Settings, judge: Judge, images: Sequence[bytes]) -> Clockwork:
    """Stream the images, which are all in the broker before the first poll, as when a worker catches up."""
    broker, clock = MemoryBroker(PARTITIONS), Clockwork(len(images))
    for number, image in enumerate(images):
        broker.append(Record(settings.images_topic, b"%d" % number, image))
    source = MemorySource(broker, [settings.images_topic], "bench")
    return run_until_answered(
        settings, judge, source, services.publisher(settings, MemoryWriter(broker), clock), clock
    )


@dataclass(frozen=True, slots=True)
class KafkaCosts:
    """What Kafka's client costs on the same bytes: publishing alone, and fetching alone."""

    publish: Cost
    fetch: Cost


def through_kafka(settings: Settings, judge: Judge, images: Sequence[bytes]) -> tuple[Clockwork, KafkaCosts]:
    """Stream the images through a real broker, in new topics; and what publishing and fetching alone cost."""
    tag = uuid.uuid4().hex[:8]
    names = {
        f"{kind}_topic": f"sluice.bench.{kind}.{tag}" for kind in ("images", "decisions", "dead_letters", "features")
    }
    settings = settings.model_copy(update={**names, "group": f"sluice-bench-{tag}"})
    plans = [TopicPlan(name, partitions=PARTITIONS, retention=RETENTION) for name in names.values()]
    create_topics(services.kafka_connection(settings), plans)
    records = (Record(settings.images_topic, b"%d" % number, image) for number, image in enumerate(images))
    with closing(services.kafka_writer(settings)) as writer:
        sent = measured(lambda: write_stream(writer, records))
        fetched = _fetched(settings.model_copy(update={"group": f"{settings.group}-fetch"}), len(images))
        source = services.kafka_source(settings, Hooks())
        clock = Clockwork(len(images))
        run = run_until_answered(settings, judge, source, services.publisher(settings, writer, clock), clock)
    return run, KafkaCosts(sent, fetched)


def _fetched(settings: Settings, count: int) -> Cost:
    """The cost of polling all images and doing nothing with them; the clock starts when the first have come."""
    with closing(services.kafka_source(settings, Hooks())) as source:
        end, first = time.monotonic() + PATIENCE, 0
        while first == 0 and time.monotonic() < end:
            first = len(source.poll(POLL, settings.max_batch) or ())

        def rest() -> int:
            done = 0
            while first + done < count and time.monotonic() < end:
                done += len(source.poll(POLL, settings.max_batch) or ())
            return done

        return measured(rest)


def run_until_answered(
    settings: Settings, judge: Judge, source: Source, publisher: Publisher, clock: Clockwork
) -> Clockwork:
    """Run a moderator until all images that the clock expects are answered. Raises `StopError` when they are not."""
    fetcher, stop, errors = assembly.claim_fetcher(settings), Flag(), list[BaseException]()
    with closing(fetcher), assembly.moderator(settings, judge, source, publisher, fetcher, clock) as moderator:

        def run() -> None:
            try:
                moderator.run(stop)
            except StopError as error:
                errors.append(error)
                clock.done.set()

        thread = Thread(target=run, daemon=True)
        thread.start()
        finished = clock.done.wait(PATIENCE)
        stop.set()
        thread.join(settings.drain_timeout)
    if errors or not finished:
        raise StopError(f"the bench did not finish: {errors[0] if errors else f'{clock.count} answers'}")
    return clock
