"""An archive as it is deployed: topics on a real broker, and archivers as processes of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pipeline.adapters.local.store import FolderStore
from pipeline.ports import Store
from pipeline.wire import FeaturesRecord, archive_record_bytes
from tests.archive.streamed import events_in
from tests.e2e.pipeline_under_test import ANSWER, Worker, flags, unique
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker, Record
from tests.services.processes import HOST, ChildProcess, free_port, python


@dataclass(frozen=True)
class ArchiveUnderTest:
    """Topics, a group and a folder."""

    kafka: KafkaBroker
    scratch: Path
    running: ExitStack
    features: str
    reviews: str
    group: str
    folder: Path
    settings: dict[str, object]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def archiver(
        self,
        *,
        to: str | None = None,
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        **settings: object,
    ) -> Worker:
        """Start ``sluice archive run`` and return at once; `within` is a command that starts it."""
        port = free_port()
        own = {"metrics_port": port, "metrics_host": HOST, "log_format": "json"}
        own |= {"bootstrap_servers": self.kafka.bootstrap_servers, "archiver_group": self.group}
        own |= {"features_topic": self.features, "reviews_topic": self.reviews}
        argv = list(within) + python("-m", "workers", "archive", "run", "--to", to or str(self.folder))
        argv += flags({**own, **self.settings, **settings})
        name = f"archiver-{next(self.numbers)}"
        return Worker(self.running.enter_context(ChildProcess(argv, self.scratch, env=env, name=name)), port)

    def segments(self) -> list[str]:
        """The paths of all segments so far."""
        return [each.path for each in FolderStore(self.folder).list("model=")]

    def put(self, records: Sequence[FeaturesRecord]) -> None:
        """Publish the records, each image in the partition of its number."""
        partitions = len(self.kafka.end_offsets(self.features))
        self.kafka.produce_all(
            self.features,
            [
                Record(each.decision.image_id.encode(), archive_record_bytes(each), (), number % partitions)
                for number, each in enumerate(records)
            ],
        )

    def wait_until_committed(self, within: float = ANSWER) -> None:
        until(
            lambda: self.kafka.lag(self.group, self.features) == 0,
            within,
            lambda: f"all committed: {self.kafka.committed(self.group, self.features)}",
        )

    def holds_once(self, records: Sequence[FeaturesRecord], store: Store | None = None) -> None:
        """Assert that each event stands there once, and nothing else."""
        found = Counter(events_in(store or FolderStore(self.folder)))
        wanted = {each.decision.event_id for each in records}
        assert not wanted - found.keys(), f"{len(wanted - found.keys())} events lost"
        assert not found.keys() - wanted
        assert not {event for event, times in found.items() if times > 1}


@contextmanager
def archive_on(
    kafka: KafkaBroker, scratch: Path, *, partitions: int = 1, **settings: object
) -> Iterator[ArchiveUnderTest]:
    """An archive with topics of its own on that broker; what it has started ends with it."""
    name = unique("archive")
    features, reviews = f"{name}-features", f"{name}-reviews"
    kafka.create_topic(features, partitions)
    kafka.create_topic(reviews, 1)
    quick: dict[str, object] = {"archive_every": 0.5, "commit_interval": 0.2, "session_timeout": 6}
    with ExitStack() as running:
        yield ArchiveUnderTest(
            kafka, scratch, running, features, reviews, name, scratch / "archive", quick | settings
        )
