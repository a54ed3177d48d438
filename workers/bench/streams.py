"""The pipeline end to end over given images: through the memory twin, and through a real Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread

from pipeline.adapters.kafka import TopicPlan, create_topics, publish_stream
from pipeline.adapters.memory import MemoryBroker, MemoryPublisher, MemorySource, MemoryTextCache
from pipeline.errors import StopError
from pipeline.ports import Hooks, Publisher, Source
from pipeline.wire import Decision, Record
from workers import assembly
from workers.bench.limits import Cost, cpu_seconds, measured
from workers.settings import Settings

PARTITIONS = 6
RETENTION = 3600.0
PATIENCE = 600.0


@dataclass
class Clockwork(Hooks):
    """Stage seconds, and the clocks from the first poll to the last answer."""

    expected: int
    stages: dict[str, float] = field(default_factory=dict)
    answered: int = 0
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
        """Add up."""
        del items
        with self._lock:
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    def decided(self, decision: Decision, latency: float) -> None:
        """Count an answer."""
        del decision, latency
        self._answer()

    def dead_lettered(self, stage: str, reason: str, latency: float) -> None:
        """Count an answer."""
        del stage, reason, latency
        self._answer()

    def _answer(self) -> None:
        self.answered += 1
        if self.answered == self.expected:
            self.ended = (time.perf_counter(), cpu_seconds())
            self.done.set()

    def cost(self) -> Cost:
        """From the first poll to the last answer."""
        wall, cpu = self.started or (0.0, 0.0)
        return Cost(self.answered, self.ended[0] - wall, self.ended[1] - cpu)


def through_memory(settings: Settings, model: assembly.Model, images: Sequence[bytes]) -> Clockwork:
    """All images are in the broker before the first poll, as they are when a worker catches up."""
    broker, clock = MemoryBroker(PARTITIONS), Clockwork(len(images))
    for number, image in enumerate(images):
        broker.append(Record(settings.images_topic, b"%d" % number, image))
    source = MemorySource(broker, [settings.images_topic], "bench", max_poll=settings.max_batch)
    return _run(settings, model, source, MemoryPublisher(broker), clock)


def through_kafka(settings: Settings, model: assembly.Model, images: Sequence[bytes]) -> tuple[Clockwork, Cost]:
    """The same over a real broker, in topics of its own; with the cost of publishing the images beforehand."""
    run = uuid.uuid4().hex[:8]
    names = {f"{kind}_topic": f"sluice.bench.{kind}.{run}" for kind in ("images", "decisions", "dead_letters")}
    settings = settings.model_copy(update={**names, "group": f"sluice-bench-{run}"})
    plans = [TopicPlan(name, partitions=PARTITIONS, retention=RETENTION) for name in names.values()]
    create_topics(assembly.kafka_connection(settings), plans)
    records = (Record(settings.images_topic, b"%d" % number, image) for number, image in enumerate(images))
    with closing(assembly.kafka_publisher(settings)) as publisher:
        sent = measured(lambda: publish_stream(publisher, records))
        source = assembly.kafka_source(settings, Hooks())
        return _run(settings, model, source, publisher, Clockwork(len(images))), sent


def _run(
    settings: Settings, model: assembly.Model, source: Source, publisher: Publisher, clock: Clockwork
) -> Clockwork:
    judge = assembly.judge(settings, model, MemoryTextCache(), Hooks())
    fetcher, stop, errors = assembly.http_fetcher(settings), Flag(), list[BaseException]()
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
        raise StopError(f"the bench did not finish: {errors[0] if errors else f'{clock.answered} answers'}")
    return clock
