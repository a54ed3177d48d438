"""What the console reaches: Kafka, an archive, workers and a model, or in the demo their twins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.ports import Decoder, Fetcher, Leases, Records, RecordWriter, Topic
from pipeline.rules.flow.assignment import Partition, Standing
from workers.canary.reading import Answers

if TYPE_CHECKING:  # Parquet's and the model's libraries, for those alone that have an archive and explain
    from pipeline.archive.archive import Archive
    from workers.assembly import Judge
    from workers.settings import Settings


@dataclass(frozen=True)
class Reach:
    """Calls make what they are named after; they block for seconds and raise `ServiceError`."""

    answers: Callable[[], Answers]
    """Decisions and dead letters from now on."""
    listening: Callable[[], bool]
    """Whether a broker is there."""
    topic: Callable[[str], Topic]
    records: Callable[[], Records]
    writer: Callable[[], RecordWriter]
    text_writer: Callable[[], RecordWriter]
    """It gives up soon; who uses it tries again."""
    standings: Callable[[], Mapping[Partition, Standing]]
    """Where the workers' group stands. One thread calls it."""
    metrics: Callable[[], Sequence[tuple[str, str | None]]]
    """The page of each process's metrics by its address; None where it does not answer. One thread calls it."""
    fetcher: Fetcher
    decoder: Decoder
    """In processes of its own, bounded per picture; its pixels fit no model."""
    judge: Callable[[], Judge]
    """A model and the live policies; loads them when it is first called."""
    archive: Callable[[], AbstractContextManager[Archive]] | None = None
    """None where there is no archive."""
    leases: Leases | None = None
    """Shared with other consoles; None where this one stands alone."""


def archive_of(settings: Settings) -> Callable[[], AbstractContextManager[Archive]] | None:
    """Opens the archive that the settings name, each time anew; None where they name none."""
    if not settings.archive_at:
        return None

    def opened() -> AbstractContextManager[Archive]:
        from workers.archive.opening import opened_archive  # noqa: PLC0415 - Parquet's library

        return opened_archive(settings, None)

    return opened
