"""``sluice worker``: consume images, publish decisions."""

from __future__ import annotations

import signal
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import structlog

from pipeline.adapters.decode_processes import DecodeProcesses
from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.path.limits import PolicyLimits
from pipeline.ports import HookChain
from workers import assembly, services
from workers.assembly import Judge
from workers.fleet.run import supervise
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.moderator import LAST_MOMENT, Moderator
from workers.policies.first import last_good_of
from workers.policies.other_model import LogOtherModel
from workers.policies.sent import policy_sets_sent
from workers.policies.shared_limits import shared_limits
from workers.policies.watch import PolicyWatch, watched_policies
from workers.process import signals
from workers.process.logs import log_as_a_service, report_library_errors
from workers.settings import Settings
from workers.settings.options import with_settings

_log = structlog.get_logger(__name__)


@with_settings(
    "kafka",
    "topics",
    "consumer",
    "redis",
    "model",
    "encoder",
    "images",
    "policies",
    "state",
    "fetch",
    "archive",
    "reviews",
    "brake",
    "service",
    "log",
)
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
            partial(services.kafka_policy_sets, settings), settings.features_topic, on=settings.remembers
        )
        hooks = HookChain(metrics, vitals, LogOtherModel(), held.enter_context(sets))
        redis = services.redis_connection(settings)
        text_cache = held.enter_context(closing(services.build_text_cache(redis, hooks)))
        model = assembly.load_model(settings, lasting=True, hooks=hooks)
        decoding = model.decode_processes
        features = held.enter_context(closing(assembly.build_feature_cache(settings, model, redis, hooks)))
        last_good = last_good_of(settings)
        judge = assembly.judge(settings, model, text_cache, hooks, features, last_good)
        publisher = held.enter_context(closing(services.patiently(services.kafka_publisher, settings, hooks)))
        fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
        source = held.enter_context(closing(services.patiently(services.kafka_source, settings, hooks)))
        stop = signals.stop_on_signals(settings.drain_timeout + signals.LEAVING)
        limits = PolicyLimits(hooks)
        moderator = held.enter_context(
            assembly.moderator(settings, judge, source, publisher, fetcher, hooks, limits=limits)
        )
        _watch(vitals, moderator, decoding)
        vitals.notice("brake", moderator.braked)
        vitals.notice("policies held", limits.held)
        vitals.notice("claim checks", moderator.waiting_for)
        signal.signal(signal.SIGUSR1, lambda *_: _let_go(moderator, limits))
        watch = PolicyWatch(settings.policies, judge.reading, judge.live, stop, hooks, last_good=last_good)
        fleet = services.limits_of_fleet(redis)
        held.enter_context(shared_limits(limits, judge.live, fleet, stop, LAST_MOMENT))
        held.enter_context(watched_policies(watch, stop, LAST_MOMENT))
        vitals.watch_progress("policy folder", watch.stalled)
        vitals.notice("policies", watch.refused)
        _log.info("worker_started", **_described(settings, judge), metrics_port=health.port)
        report_library_errors()
        moderator.run(stop)
    _log.info("worker_stopped")


def _watch(vitals: Vitals, moderator: Moderator, decoding: DecodeProcesses | None) -> None:
    if decoding is None:
        vitals.watch_progress("worker", moderator.stalled)
        return
    # A batch of images that all reach a limit is inside for long, and a restart would begin it again.
    vitals.watch_progress("worker", lambda: min(moderator.stalled(), decoding.quiet()))
    vitals.watch("decode processes", decoding.trouble)


def _let_go(moderator: Moderator, limits: PolicyLimits) -> None:
    moderator.release_brake()
    limits.release()


def _longest_wait(settings: Settings) -> float:
    """Seconds that a batch may be inside: it may have to wait for the broker, which no restart would mend."""
    return max(settings.stall_after, settings.delivery_timeout + 30)


def _described(settings: Settings, judge: Judge) -> dict[str, Any]:
    spec, policy_set = judge.model.encoder.spec, judge.live().policy_set
    return {
        "topic": settings.images_topic,
        "group": settings.group,
        "model": spec.name,
        "fingerprint": spec.fingerprint,
        "dtype": spec.dtype,
        "policy_set": policy_set.version,
        "policies": len(policy_set.policies),
    }
