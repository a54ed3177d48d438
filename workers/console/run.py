"""``sluice console``: its parts put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from pipeline.ports import Hooks
from workers import services
from workers.assembly.claims import claim_fetcher
from workers.assembly.decoding import Decoding, drawing
from workers.canary.metrics import own_metrics
from workers.console.access.visitors import access_of
from workers.console.app import create
from workers.console.console import Console, console_of
from workers.console.fleet.scraping import pages_of
from workers.console.judges import JudgeWhenAsked
from workers.console.metrics import ConsoleMetrics
from workers.console.reach import Reach, archive_of
from workers.console.serving import Serving
from workers.console.stream.history import history_of
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.process import signals
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.kafka import KafkaConnection
    from pipeline.adapters.redis import RedisConnection

P = ParamSpec("P")
T = TypeVar("T")
LEAVING = 20.0
"""Seconds that pages and calls to the broker may take to end when the process is told to stop."""
REDIS = 1.0
"""Seconds that a person waits for Redis to say who has what in hand."""
_log = structlog.get_logger(__name__)


def keep_open(settings: Settings) -> None:
    """Serve pages until SIGTERM."""
    signals.end_at_once()
    access = access_of(settings)
    registry, vitals = own_metrics(), Vitals(settings.stall_after)
    watch_threads(vitals)
    watch_interpreter()
    started: list[Console] = []

    def ready() -> str | None:
        """Pages are worth opening while Kafka is away: they say so."""
        return None if started else "it starts"

    with ExitStack() as held:
        health = HealthServer(
            settings.metrics_host, settings.metrics_port, registry, vitals.alive, ready, vitals.notices
        )
        held.callback(health.close)
        health.announce()
        console = held.enter_context(closing(console_of(settings, _reach(settings, held), access)))
        ConsoleMetrics(registry).watch(console)
        history = history_of(settings, console.feed, console.fleet.samples)
        if history is not None:
            held.enter_context(closing(history)).start()
        console.start()
        stop = signals.stop_on_signals(LEAVING)
        serving = held.enter_context(closing(Serving(create(console), settings.console_host, settings.console_port)))
        vitals.watch("console", serving.alive)
        vitals.notice("stream", lambda: console.feed.condition.why or None)
        if console.audit is not None:
            audit = console.audit
            vitals.notice("audit", lambda: f"audit events wait: {audit.trouble}" if audit.trouble else None)
        started.append(console)
        _log.info("console_started", at=serving.address, group=settings.group)
        stop.wait()
    _log.info("console_stopped")


def _reach(settings: Settings, held: ExitStack) -> Reach:
    connection = services.kafka_connection(settings)
    group = held.enter_context(closing(services.kafka_group(settings)))
    return Reach(
        answers=partial(services.kafka_answers, settings),
        listening=lambda: bool(connection.listening()),
        topic=_at_once(connection, partial(services.kafka_topic, settings)),
        records=_at_once(connection, partial(services.kafka_single_records, settings)),
        writer=_at_once(connection, partial(services.kafka_writer, settings)),
        text_writer=partial(services.kafka_text_writer, settings),
        standings=group.standings,
        metrics=partial(pages_of, settings.console_workers),
        fetcher=held.enter_context(closing(claim_fetcher(settings))),
        decoder=drawing(Decoding(settings.model_copy(update={"cores": min(2, settings.cores)}), Hooks())),
        judge=held.enter_context(closing(JudgeWhenAsked(settings))),
        archive=archive_of(settings),
        leases=services.leases(_redis(settings, held)),
    )


def _at_once(connection: KafkaConnection, make: Callable[P, T]) -> Callable[P, T]:
    """As `make`, for a person who waits: that nothing listens is said at once, and not after a client's patience."""

    def made(*args: P.args, **more: P.kwargs) -> T:
        if not connection.listening():
            raise connection.away()
        return make(*args, **more)

    return made


def _redis(settings: Settings, held: ExitStack) -> RedisConnection | None:
    """A Redis that a person waits for longer than an image does."""
    redis = services.redis_connection(settings, budget=REDIS, timeout=REDIS)
    return None if redis is None else held.enter_context(closing(redis))
