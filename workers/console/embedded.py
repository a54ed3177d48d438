"""The demo's console: the very one that `sluice console` is, on the memory broker and in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from prometheus_client import CollectorRegistry, generate_latest

from pipeline.adapters.memory import MemoryBroker, MemoryFetcher, MemoryRecords, MemoryTail, MemoryTopic, MemoryWriter
from pipeline.rules.flow.assignment import Partition, Standing
from workers.assembly import Judge
from workers.console.access.visitors import access_of
from workers.console.app import create
from workers.console.console import Console, console_of
from workers.console.reach import Reach, archive_of
from workers.console.serving import Serving
from workers.settings import Settings


@contextmanager
def served_console(
    settings: Settings, broker: MemoryBroker, registry: CollectorRegistry, judge: Judge
) -> Iterator[tuple[Console, Serving]]:
    """The console of a demo, served within the context. Raises `SettingsError` and `ServiceError`."""
    access = access_of(settings)
    with closing(console_of(settings, memory_reach(settings, broker, registry, lambda: judge), access)) as console:
        console.start()
        with closing(Serving(create(console), settings.console_host, settings.console_port)) as serving:
            yield console, serving


def memory_reach(
    settings: Settings, broker: MemoryBroker, registry: CollectorRegistry, judge: Callable[[], Judge]
) -> Reach:
    """What there is to reach in a process that has everything."""
    topics = settings.decisions_topic, settings.dead_letters_topic
    return Reach(
        answers=lambda: MemoryTail(broker, *topics),
        listening=lambda: broker.available,
        topic=lambda name: MemoryTopic(broker, name),
        records=lambda: MemoryRecords(broker),
        writer=lambda: MemoryWriter(broker),
        text_writer=lambda: MemoryWriter(broker),
        standings=lambda: standings_of(broker, settings.group, settings.images_topic),
        metrics=lambda: [("this process", generate_latest(registry).decode())],
        fetcher=MemoryFetcher(),
        decoder=judge().model.decoder,
        judge=judge,
        archive=archive_of(settings),
    )


def standings_of(broker: MemoryBroker, group: str, topic: str) -> Mapping[Partition, Standing]:
    """Where a group stands in a topic, as `pipeline.adapters.kafka.Group` asks a real broker."""
    ours = [(topic, number) for number in range(broker.partitions(topic))]
    committed = {at: broker.committed(group, at) for at in ours}
    return {at: Standing(offset, broker.end(at) - offset) for at, offset in committed.items()}
