"""``sluice serve``: its parts put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from threading import Event

import structlog
from prometheus_client import CollectorRegistry

from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.errors import StopError
from pipeline.ports import HookChain, Hooks, Publisher
from workers import assembly, services
from workers.assembly import Judge
from workers.attended import attended_moderator, described, load
from workers.console.access.visitors import Access, access_of
from workers.console.api.app import application
from workers.console.api.desk import Desk
from workers.console.api.ends import DeskPublisher, DeskSource
from workers.console.api.parts import Parts
from workers.console.api.texts import Texts
from workers.console.serving import Serving
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.moderator import Moderator
from workers.policies.other_model import LogOtherModel
from workers.policies.sent import policy_sets_sent
from workers.process import signals
from workers.process.logs import log_as_a_service, report_library_errors
from workers.settings import Settings

PATIENCE = 0.5
"""Share of `drain_timeout` in which what came before the stop may still enter the path, which needs the rest."""
_log = structlog.get_logger(__name__)


def serve_api(settings: Settings) -> None:
    """Answer requests until SIGTERM. Raises `StopError` where the process must end, once all are told so."""
    signals.end_at_once()
    access = access_of(settings, "api_host")
    metrics = PrometheusHooks(consumes=False)
    vitals = Vitals(max(settings.stall_after, settings.delivery_timeout + 30))
    watch_threads(vitals)
    watch_interpreter()
    log_as_a_service(metrics.log_lines_lost)
    stopping = list[Event]()

    def ready() -> str | None:
        return "it starts" if not stopping else "it is stopping" if stopping[0].is_set() else None

    with ExitStack() as held:
        health = HealthServer(
            settings.metrics_host, settings.metrics_port, metrics.registry, vitals.alive, ready, vitals.notices
        )
        held.callback(health.close)
        health.announce()
        hooks = HookChain(metrics, vitals, LogOtherModel(), held.enter_context(_policy_sets(settings)))
        loaded = load(settings, hooks, held)
        behind = held.enter_context(_kafka(settings, hooks))
        fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
        stop = signals.stop_on_signals(settings.drain_timeout + signals.LEAVING)
        desk = desk_of(settings, stop)
        ends = DeskSource(desk), DeskPublisher(desk, behind, remembers=settings.remembers)
        moderator = held.enter_context(
            attended_moderator(on_the_path(settings), loaded, *ends, fetcher, hooks, vitals, stop)
        )
        served = serving(settings, loaded.judge, desk, moderator.braked, access, metrics.registry)
        server = held.enter_context(served)
        vitals.watch("HTTP", server.alive)
        stopping.append(stop)
        _log.info("api_started", at=server.address, **described(loaded.judge))
        report_library_errors()
        moderate(moderator, desk)
    _log.info("api_stopped")


def desk_of(settings: Settings, stop: Event) -> Desk:
    return Desk(
        stop,
        most=settings.api_waiting,
        most_bytes=settings.max_inflight_bytes,
        patience=settings.drain_timeout * PATIENCE,
    )


def on_the_path(settings: Settings) -> Settings:
    """The settings of the path: it keeps what features are asked for, and no claim waits longer than who asked."""
    archive = settings.archive if settings.api_publish and settings.remembers else "features"
    patience = min(settings.fetch_patience, settings.api_deadline)
    return settings.model_copy(update={"archive": archive, "fetch_patience": patience})


@contextmanager
def serving(
    settings: Settings,
    judge: Judge,
    desk: Desk,
    braked: Callable[[], str | None],
    access: Access,
    registry: CollectorRegistry,
) -> Iterator[Serving]:
    """Within, requests come to the desk."""
    encoder, live = judge.model.encoder, judge.live
    with closing(Texts(encoder, lambda: live().policy_set.defaults.templates, desk.fail)) as texts:
        parts = Parts(
            desk,
            texts,
            encoder.spec,
            braked,
            max_bytes=settings.api_max_bytes,
            deadline=settings.api_deadline,
            subject_header=settings.subject_header,
        )
        app = application(parts, access, registry)
        with closing(Serving(app, settings.api_host, settings.api_port, "api_port")) as server:
            yield server


def moderate(moderator: Moderator, desk: Desk) -> None:
    """Moderate until the desk has nothing more for the path. Whoever waits then is told that the process ends."""
    try:
        moderator.run(desk.through)
    finally:
        desk.fail(StopError("the process has ended"))


def _policy_sets(settings: Settings) -> AbstractContextManager[Hooks]:
    return policy_sets_sent(
        partial(services.kafka_text_writer, settings),
        settings.features_topic,
        on=settings.api_publish and settings.remembers,
    )


@contextmanager
def _kafka(settings: Settings, hooks: Hooks) -> Iterator[Publisher | None]:
    """What publishes decisions before they are answered, where that is asked for."""
    if not settings.api_publish:
        yield None
        return
    needed = [settings.decisions_topic, settings.dead_letters_topic]
    needed += [settings.features_topic] if settings.remembers else []
    services.check_topics(settings, writes=needed)
    with closing(services.patiently(services.kafka_publisher, settings, hooks)) as publisher:
        yield publisher
