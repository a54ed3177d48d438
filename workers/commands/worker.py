"""``sluice worker``: consume images, publish decisions."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial

import structlog

from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.ports import HookChain
from workers import assembly, services
from workers.attended import SETTINGS, attended_moderator, described, load
from workers.fleet.run import supervise
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.policies.other_model import LogOtherModel
from workers.policies.sent import policy_sets_sent
from workers.process import signals
from workers.process.logs import log_as_a_service, report_library_errors
from workers.settings import Settings
from workers.settings.options import with_settings

_log = structlog.get_logger(__name__)


@with_settings("consumer", *SETTINGS)
def worker(settings: Settings) -> int:
    """Consume images from Kafka and publish a decision for every one, until SIGTERM.

    Checks what it needs before it joins the group. On SIGTERM it finishes what is in flight, commits and leaves.

    With --moderators that many processes share the work, around one for the model: they are started, watched,
    restarted and stopped from here, and /metrics, /healthz and /readyz speak for all.
    """
    if settings.moderators > 1:
        return supervise(settings)
    _moderate(settings)
    return 0


def _moderate(settings: Settings) -> None:
    """Moderate in this process, which runs the model too unless another one serves it."""
    signals.end_at_once()
    metrics, vitals = PrometheusHooks(), Vitals(_longest_wait(settings))
    watch_threads(vitals)
    watch_interpreter()
    log_as_a_service(metrics.log_lines_lost)
    with ExitStack() as held:
        health = HealthServer(settings.metrics_host, settings.metrics_port, metrics.registry, *vitals.checks)
        held.callback(health.close)
        health.announce()
        services.check_kafka(settings)
        sets = policy_sets_sent(
            partial(services.kafka_text_writer, settings), settings.features_topic, on=settings.remembers
        )
        hooks = HookChain(metrics, vitals, LogOtherModel(), held.enter_context(sets))
        loaded = load(settings, hooks, held)
        publisher = held.enter_context(closing(services.patiently(services.kafka_publisher, settings, hooks)))
        fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
        source = held.enter_context(closing(services.patiently(services.kafka_source, settings, hooks)))
        stop = signals.stop_on_signals(settings.drain_timeout + signals.LEAVING)
        moderator = held.enter_context(
            attended_moderator(settings, loaded, source, publisher, fetcher, hooks, vitals, stop)
        )
        consumes = {"topic": settings.images_topic, "group": settings.group}
        _log.info("worker_started", **consumes, **described(loaded.judge), metrics_port=health.port)
        report_library_errors()
        moderator.run(stop)
    _log.info("worker_stopped")


def _longest_wait(settings: Settings) -> float:
    """Seconds that a batch may be inside: it may have to wait for the broker, which no restart would mend."""
    return max(settings.stall_after, settings.delivery_timeout + 30)
