"""``sluice worker --moderators N``: the parts of a supervisor put together."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from threading import Event

import structlog

from pipeline.errors import SettingsError
from workers import services
from workers.fleet.metrics import FleetMetrics
from workers.fleet.process import LAST_WORDS, Process
from workers.fleet.roles import ENCODER_GRACE, moderator_grace, roles_in_folder
from workers.fleet.supervisor import Supervisor
from workers.fleet.vitals import FleetVitals
from workers.fleet.watch import Watch
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.policies.first import check_first
from workers.process import signals
from workers.process.logs import log_as_a_service, name_this_process
from workers.settings import Settings

_log = structlog.get_logger(__name__)


def supervise(settings: Settings) -> int:
    """Run one encoder and `settings.moderators` moderators until SIGTERM. Returns the exit status.

    What can be checked without a model is checked here first, so that a mistake is one line and not one a process.
    """
    signals.raise_on_signals()
    name_this_process("supervisor")
    if settings.encoder_socket is not None:
        raise SettingsError("--moderators starts an encoder of its own: leave out --encoder-socket, or --moderators")
    with ExitStack() as held:
        encoder, moderators = held.enter_context(roles_in_folder(settings))
        metrics, fleet = FleetMetrics([encoder, *moderators]), FleetVitals(encoder, moderators)
        log_as_a_service(metrics.log_lines_lost)
        processes = [Process(role) for role in (encoder, *moderators)]
        watch = Watch(processes)
        supervisor = Supervisor(processes[0], processes[1:], fleet.encoder_ready, metrics, watch.hung)
        vitals = Vitals(settings.stall_after)
        watch_threads(vitals)
        watch_interpreter()

        def notices() -> list[str]:
            return [*supervisor.notices(), *watch.notices()]

        health = HealthServer(
            settings.metrics_host, settings.metrics_port, metrics.registry, vitals.alive, fleet.ready, notices
        )
        held.callback(health.close)
        health.announce()
        services.check_kafka(settings)
        check_first(settings)
        _log.info("supervisor_started", moderators=len(moderators), metrics_port=health.port)
        vitals.watch_progress("supervisor", supervisor.stalled)
        vitals.watch_progress("watch", watch.stalled)
        vitals.watch("processes", watch.beyond_help)
        hurry = Event()
        stop = signals.stop_on_signals(_longest_end(settings), hurry.set)
        signal.signal(signal.SIGUSR1, lambda number, _: supervisor.tell_moderators(number))
        watch.start()
        held.callback(watch.close)
        status = supervisor.run(stop, hurry)
    _log.info("supervisor_stopped", status=status)
    return signals.INTERRUPTED if hurry.is_set() else status


def _longest_end(settings: Settings) -> float:
    """Seconds after which every process has finished, or been killed."""
    return moderator_grace(settings) + ENCODER_GRACE + 3 * LAST_WORDS
