"""The metrics of an archiver; no worker has them."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.archive.keeping.hooks import KINDS, WORKS, ArchiveHooks
from pipeline.ports import LOSSES, Hooks

WHY = ("kept", "repeat")


class ArchiverMetrics(Hooks, ArchiveHooks):
    """Listens to the source and the keeper."""

    partitions = 0
    """How many the archiver owns."""
    without_kafka: str | None = None
    """Why no broker takes the archiver in; None while one does."""

    def __init__(self, registry: CollectorRegistry, topics: list[str]) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sluice_archive_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"sluice_archive_{name}", text, labels, registry=registry)

        self._records = counter("records", "Records read from the archiver's topics.")
        self._read_bytes = counter("read_bytes", "Bytes of their values.")
        self._events = counter("events", "Events, reviews and unreadable records that are durable.", "kind")
        self._rows = counter("rows", "Rows that are durable, one a view.", "kind")
        self._bytes = counter("bytes", "Bytes of the files that were made.", "kind")
        self._files = counter("files", "Files that were made; of features they are segments.", "kind")
        self._met = counter("files_met", "Files that were there: another archiver's, or of before a restart.", "kind")
        self._left_out = counter(
            "left_out", "Records of which nothing new is kept: kept before, or a repeat of an event.", "why"
        )
        self._unreadable = counter("unreadable", "Records that cannot be read, and were put aside.", "topic")
        self._policy_sets = counter("policy_sets", "Policy sets that were kept.")
        self._committed = counter("committed_records", "Records that were marked as done.")
        self._lost = counter("lost_records", "Records that will never be read, where known how many.", "loss")
        self._open = gauge("open_segments", "Files to be, of which records are held.")
        self._open_bytes = gauge("open_bytes", "Bytes of records that are held and in no file yet.")
        self._oldest = gauge("open_oldest_seconds", "Seconds for which the oldest of them has been held.")
        self._newest = gauge(
            "newest_timestamp_seconds", "When the newest record that is durable was written to its topic (Unix time)."
        )
        self._partitions = gauge("assigned_partitions", "Partitions that this archiver owns.")
        self._lag = gauge("lag_records", "Records still to be read, by partition.", "topic", "partition")
        self._kafka_away = gauge("kafka_away", "1 while no broker takes this archiver in, else 0.")
        self._store_errors = counter("store_errors", "Times that the store could not be reached, or was full.")
        self._away = gauge("store_away", "1 while the store is away, else 0.")
        self._purged = counter("purged_rows", "Rows of what is erased that were found in a file and taken out.")
        self._tidied = counter("tidied_files", "Files that tidying has removed, or merged into larger ones.", "work")
        self._tidied_bytes = counter("tidied_bytes", "Bytes of what was removed, and of merged segments.", "work")
        self._tidy_seconds = counter("tidy_seconds", "Seconds that tidying took.", "work")
        self._tidy = gauge("tidied_timestamp_seconds", "When this archiver last had all tidy (Unix time); 0: never.")
        self._not_tidied = counter("tidy_failures", "Times that the store refused something while it was tidied.")
        self._unmerged = gauge("unmerged_chains", "Chains of segments that stay as they are: one of them is damaged.")
        self._seconds = Histogram(
            "sluice_archive_write_seconds",
            "Seconds to make one file, until it is durable.",
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
            registry=registry,
        )
        self._begin(topics)

    def _begin(self, topics: list[str]) -> None:
        """Every series is there from the start, at 0."""
        for kind in KINDS:
            for metric in (self._events, self._rows, self._bytes, self._files, self._met):
                metric.labels(kind)
        for work in WORKS:
            for metric in (self._tidied, self._tidied_bytes, self._tidy_seconds):
                metric.labels(work)
        for why in WHY:
            self._left_out.labels(why)
        for topic in topics:
            self._unreadable.labels(topic)
        for loss in LOSSES:
            self._lost.labels(loss)

    def taken(self, records: int, value_bytes: int) -> None:
        self._records.inc(records)
        self._read_bytes.inc(value_bytes)

    def kafka_away(self, why: str | None) -> None:
        self.without_kafka = why
        self._kafka_away.set(why is not None)

    def written(self, kind: str, events: int, rows: int, file_bytes: int, newest: float, seconds: float) -> None:
        self._events.labels(kind).inc(events)
        self._rows.labels(kind).inc(rows)
        self._bytes.labels(kind).inc(file_bytes)
        self._files.labels(kind).inc()
        self._seconds.observe(seconds)
        if kind == "features":
            self._newest.set(newest)

    def taken_by_another(self, kind: str) -> None:
        self._met.labels(kind).inc()

    def left_out(self, why: str, records: int) -> None:
        self._left_out.labels(why).inc(records)

    def unreadable(self, topic: str) -> None:
        self._unreadable.labels(topic).inc()

    def policies_kept(self) -> None:
        self._policy_sets.inc()

    def open(self, segments: int, value_bytes: int, oldest: float) -> None:
        self._open.set(segments)
        self._open_bytes.set(value_bytes)
        self._oldest.set(oldest)

    def store_failed(self) -> None:
        self._store_errors.inc()
        self._away.set(1)

    def store_back(self) -> None:
        self._away.set(0)

    def purged(self, rows: int) -> None:
        self._purged.inc(rows)

    def tidied(self, work: str, files: int, file_bytes: int, seconds: float) -> None:
        self._tidied.labels(work).inc(files)
        self._tidied_bytes.labels(work).inc(file_bytes)
        self._tidy_seconds.labels(work).inc(max(0.0, seconds))

    def tidy(self, left: int) -> None:
        self._tidy.set(time.time())
        self._unmerged.set(left)

    def not_tidied(self) -> None:
        self._not_tidied.inc()

    def committed(self, events: int) -> None:
        self._committed.inc(events)

    def assigned(self, partitions: int) -> None:
        self.partitions = partitions
        self._partitions.set(partitions)

    def lag(self, topic: str, partition: int, events: int) -> None:
        self._lag.labels(topic, str(partition)).set(events)

    def lost(self, topic: str, partition: int, reason: str, events: int) -> None:  # noqa: ARG002 - the hook's
        self._lost.labels(reason).inc(events)
