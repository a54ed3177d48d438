"""``sluice worker --moderators N``: the parts of a supervisor put together."""

from __future__ import annotations

from contextlib import ExitStack

import structlog

from pipeline.adapters.policy_folder import read_policy_folder
from pipeline.errors import SettingsError
from pipeline.rules.policy_files import parse_policies
from workers import assembly, services
from workers.fleet.metrics import FleetMetrics
from workers.fleet.process import Process
from workers.fleet.roles import roles_in_folder
from workers.fleet.supervisor import Supervisor
from workers.fleet.vitals import FleetVitals
from workers.health import HealthServer
from workers.logs import name_this_process
from workers.settings import Settings

_log = structlog.get_logger(__name__)


def supervise(settings: Settings) -> int:
    """Run one encoder and `settings.moderators` moderators until SIGTERM. Returns the exit status.

    What can be checked without a model is checked here first, so that a mistake is one line and not one a process.
    """
    stop = assembly.stop_on_signals()
    name_this_process("supervisor")
    if settings.encoder_socket is not None:
        raise SettingsError("--moderators starts an encoder of its own: leave out --encoder-socket, or --moderators")
    with ExitStack() as held:
        encoder, moderators = held.enter_context(roles_in_folder(settings))
        metrics, vitals = FleetMetrics([encoder, *moderators]), FleetVitals(encoder, moderators)
        health = HealthServer(
            settings.metrics_host, settings.metrics_port, metrics.registry, vitals.live, vitals.ready
        )
        held.callback(health.close)
        services.check_kafka(settings)
        parse_policies(read_policy_folder(settings.policies))
        _log.info("supervisor_started", moderators=len(moderators), metrics_port=health.port)
        processes = [Process(role) for role in moderators]
        status = Supervisor(Process(encoder), processes, vitals.encoder_ready, metrics.restarted).run(stop)
    _log.info("supervisor_stopped", status=status)
    return status
