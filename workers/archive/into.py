"""What a command does differently that fills an archive beside its work."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from pipeline.ports import Publisher, Store
from workers.assembly import Judge
from workers.assembly.stores import archive_store
from workers.policies.sent import policy_set_record
from workers.settings import Settings


def remembering(settings: Settings, address: str | None, of: str) -> tuple[Settings, Store | None]:
    """The settings with which a run of the command `of` remembers, and the store at that address; None without one.

    Each run has a features topic of its own, since its offsets begin at 0 again. Raises `UsageError` for what is no
    address.
    """
    if address is None:
        return settings.model_copy(update={"archive": "off"}), None
    run = f"{of}.{datetime.now(UTC):%Y%m%dT%H%M%S}.{os.urandom(4).hex()}"
    wanted = "features" if settings.archive == "off" else settings.archive
    update = {"archive": wanted, "features_topic": run, "archive_at": address}
    return settings.model_copy(update=update), archive_store(settings, address)


@contextmanager
def kept_in(store: Store | None, stream: str, publisher: Publisher, judge: Judge) -> Iterator[Publisher]:
    """The publisher, and with a store one that keeps there what it publishes, as from a topic named `stream`.

    What an earlier run of the same command has kept is not kept twice. All of it is durable when the context ends.
    Raises `StoreError` where nothing can be kept.
    """
    if store is None:
        yield publisher
        return
    from pipeline.archive.archive import Archive
    from pipeline.archive.policy_sets import keep_policy_set  # Parquet's library is slow to load
    from workers.archive.embedded import ArchivingPublisher, made_before

    with closing(store):
        there = made_before(Archive(store), stream.partition(".")[0])
        archiving = ArchivingPublisher(publisher, store, stream, there=there)
        version = judge.live().policy_set.version
        keep_policy_set(store, policy_set_record(version, judge.files, judge.live.assets, time.time()))
        try:
            yield archiving
        finally:
            archiving.flush()
