"""The demo's archiver: the very one that `sluice archive run` is, between the memory broker and a store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread

from pipeline.adapters.memory import MemoryBroker, MemorySource
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.keeper import KeepPolicy
from pipeline.errors import SluiceError
from pipeline.ports import Store
from workers.archiver.loop import archiving, sorted_topics
from workers.settings import Settings

GROUP = "archiver"
PATIENCE = 60.0
"""Seconds to wait for what the workers have sent to be in the archive."""
EVERY = 20.0
"""Seconds until what was decided can be asked: whoever looks at a demo does not wait for the minutes of a fleet."""
_LOOK = 0.02


class _Taken(ArchiveHooks):
    """Counts the records that have come in."""

    def __init__(self) -> None:
        self.records = 0

    def taken(self, records: int, value_bytes: int) -> None:
        del value_bytes
        self.records += records


@contextmanager
def demo_archiver(settings: Settings, broker: MemoryBroker, store: Store) -> Iterator[None]:
    """Archive what comes to the broker's topics; all of it is durable when the context ends, which closes the store.

    Raises what stopped the archiver, such as a `StoreError`.
    """
    topics = sorted_topics(settings.features_topic, settings.reviews_topic)
    stop, taken, failed = Event(), _Taken(), list[SluiceError]()
    source, policy = MemorySource(broker, list(topics), GROUP), KeepPolicy(every=EVERY)
    archiver = archiving(source, store, policy, topics=topics, hooks=taken)

    def run() -> None:
        try:
            archiver.run(stop)
        except SluiceError as error:
            failed.append(error)

    thread = Thread(target=run, name="sluice-archiver", daemon=True)
    thread.start()
    with closing(store):
        try:
            yield
            deadline = time.monotonic() + PATIENCE
            while taken.records < _sent(broker, topics) and thread.is_alive() and time.monotonic() < deadline:
                time.sleep(_LOOK)
        finally:
            stop.set()
            thread.join(PATIENCE)
    if failed:
        raise failed[0]


def _sent(broker: MemoryBroker, topics: Iterable[str]) -> int:
    return sum(broker.end((topic, number)) for topic in topics for number in range(broker.partitions(topic)))
