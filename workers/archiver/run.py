"""``sluice archive run``: its parts put together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import structlog
from prometheus_client import CollectorRegistry

from pipeline.archive.keeping.keeper import KeepPolicy
from pipeline.ports import Store
from workers import services
from workers.archiver.loop import Archiver, archiving, sorted_topics
from workers.archiver.metrics import ArchiverMetrics
from workers.archiver.probe import see_that_it_takes
from workers.archiver.review_metrics import ReviewMetrics
from workers.archiver.reviewing import Reviewing
from workers.archiver.tidying import Tidying
from workers.assembly.stores import archive_store
from workers.canary.metrics import own_metrics
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.process import signals
from workers.process.logs import report_library_errors
from workers.settings import Settings

_log = structlog.get_logger(__name__)


def keep_archive(settings: Settings, to: str) -> None:
    """Archive until SIGTERM."""
    signals.end_at_once()
    topics = sorted_topics(settings.features_topic, settings.reviews_topic)
    registry, vitals = own_metrics(), Vitals(_longest_round(settings))
    metrics = ArchiverMetrics(registry, list(topics))
    watch_threads(vitals)
    watch_interpreter()
    started: list[Archiver] = []

    def ready() -> str | None:
        if not started:
            return "it starts"
        if away := started[0].away():
            return away
        return None if metrics.partitions else "no partitions are assigned"

    with ExitStack() as held:
        health = HealthServer(
            settings.metrics_host, settings.metrics_port, registry, vitals.alive, ready, vitals.notices
        )
        held.callback(health.close)
        health.announce()
        store = held.enter_context(closing(archive_store(settings, to)))
        see_that_it_takes(store)
        services.check_topics(settings, reads=list(topics))
        source = held.enter_context(
            closing(
                services.patiently(services.kafka_records, settings, list(topics), settings.archiver_group, metrics)
            )
        )
        stop = signals.stop_on_signals(settings.drain_timeout + signals.LEAVING)
        archiver = archiving(source, store, _policy(settings), topics=topics, hooks=metrics, clock=time.monotonic)
        vitals.watch_progress("archiver", archiver.stalled)
        vitals.notice("store", archiver.away)
        vitals.notice("kafka", lambda: metrics.without_kafka)
        started.append(archiver)
        _log.info("archiver_started", to=store.address, group=settings.archiver_group, topics=list(topics))
        report_library_errors()
        with _beside(settings, store, metrics, registry, stop):
            archiver.run(stop)
    _log.info("archiver_stopped")


@contextmanager
def _beside(
    settings: Settings, store: Store, metrics: ArchiverMetrics, registry: CollectorRegistry, stop: threading.Event
) -> Iterator[None]:
    """Within, threads keep the archive tidy and its reviews counted, until `stop` is set."""
    works = {"tidying": Tidying(store, settings.archive_tidy_every, settings.archive_retention_days, metrics).run}
    if settings.archive_reviews_every:
        works["reviewing"] = Reviewing(store, settings.archive_reviews_every, ReviewMetrics(registry)).run
    threads = [threading.Thread(target=each, args=(stop,), name=name, daemon=True) for name, each in works.items()]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(settings.drain_timeout)


def _policy(settings: Settings) -> KeepPolicy:
    return KeepPolicy(
        every=settings.archive_every,
        file_bytes=settings.archive_segment_bytes,
        open_bytes=settings.archive_memory,
        repeats=settings.archive_repeats,
    )


def _longest_round(settings: Settings) -> float:
    """Seconds that a round may last without hanging."""
    return settings.stall_after
