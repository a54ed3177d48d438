"""``sluice canary``: its parts put together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from threading import Event

import structlog
from prometheus_client import CollectorRegistry

from pipeline.rules.canaries import Canary
from workers import services
from workers.canary.flights import Flights
from workers.canary.loop import Loop
from workers.canary.metrics import CanaryMetrics, GroupMetrics, own_metrics
from workers.canary.reading import Reading
from workers.canary.sending import Sending
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.process import signals
from workers.settings import Settings

LOOK = 10.0
"""Seconds between two looks at the group's lag."""
LEAVING = 20.0
"""Seconds that a call to the broker may take to end when the process is told to stop."""
_log = structlog.get_logger(__name__)


def look_on(settings: Settings, canaries: Sequence[tuple[Canary, bytes]]) -> None:
    """Send the canaries, read their answers and look at the group's lag, until SIGTERM."""
    signals.end_at_once()
    registry, vitals = own_metrics(), Vitals(_longest_step(settings))
    watch_threads(vitals)
    watch_interpreter()
    loops: list[Loop] = []

    def ready() -> str | None:
        return "; ".join(filter(None, (loop.not_ready() for loop in loops))) or (None if loops else "it starts")

    with ExitStack() as held:
        health = HealthServer(settings.metrics_host, settings.metrics_port, registry, vitals.alive, ready)
        held.callback(health.close)
        health.announce()
        services.check_kafka(settings)
        stop = signals.stop_on_signals(LEAVING)
        loops += held.enter_context(_loops(settings, canaries, registry, stop))
        for loop in loops:
            vitals.watch_progress(loop.name, loop.stalled)
            loop.start()
        _log.info("canary_started", canaries=[str(canary) for canary, _ in canaries], group=settings.group)
        stop.wait()
        deadline = time.monotonic() + LEAVING / 4
        for loop in loops:
            loop.join(deadline - time.monotonic())
    _log.info("canary_stopped")


@contextmanager
def _loops(
    settings: Settings, canaries: Sequence[tuple[Canary, bytes]], registry: CollectorRegistry, stop: Event
) -> Iterator[list[Loop]]:
    with ExitStack() as held:
        group = held.enter_context(closing(services.kafka_group(settings)))
        of_group = GroupMetrics(registry, settings.group)

        def look() -> float:
            of_group.stands(group.standings())
            return LOOK

        loops = [Loop("lag", look, stop)]
        if canaries:
            metrics = CanaryMetrics(registry, [canary for canary, _ in canaries])
            flights = Flights(settings.canary_patience, metrics)
            reading = Reading(lambda: services.patiently(services.kafka_answers, settings), flights)
            held.callback(reading.close)
            sending = Sending(
                canaries,
                settings.images_topic,
                lambda: services.kafka_writer(_soon(settings)),
                flights,
                metrics,
                time.monotonic,
            )
            held.callback(sending.close)
            loops += [Loop("reading", reading.step, stop), Loop("sending", sending.step, stop)]
        yield loops


def _soon(settings: Settings) -> Settings:
    """The settings for a writer that gives up when the answer would be late."""
    return settings.model_copy(update={"delivery_timeout": min(settings.delivery_timeout, settings.canary_patience)})


def _longest_step(settings: Settings) -> float:
    """Seconds that a step may last without hanging: a broker that is away is waited for."""
    return max(settings.stall_after, settings.canary_patience, settings.start_timeout) + 60
