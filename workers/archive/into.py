"""What a command does differently that fills an archive beside its work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from pipeline.ports import Publisher, Store
from workers.assembly import Judge
from workers.assembly.stores import archive_store
from workers.settings import Settings


def remembering(settings: Settings, address: str | None) -> tuple[Settings, Store | None]:
    """The settings with which something is remembered, and the store at that address; None without one.

    Raises `UsageError` for what is no address.
    """
    if address is None:
        return settings.model_copy(update={"archive": "off"}), None
    wanted = settings if settings.archive != "off" else settings.model_copy(update={"archive": "features"})
    return wanted, archive_store(settings, address)


@contextmanager
def kept_in(store: Store | None, publisher: Publisher, judge: Judge) -> Iterator[Publisher]:
    """The publisher, and with a store one that keeps there what it publishes; durable when the context ends.

    Raises `StoreError` where nothing can be kept.
    """
    if store is None:
        yield publisher
        return
    from workers.archive.embedded import ArchivingPublisher, live_now  # Parquet's library is slow to load

    with closing(store):
        archiving = ArchivingPublisher(publisher, store, "scan")
        version = judge.live().policy_set.version
        archiving.went_live(live_now(version, dict(judge.files), time.time()))
        try:
            yield archiving
        finally:
            archiving.flush()
