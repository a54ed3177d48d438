"""``sluice encoder``: one model on one device, for all the workers of a machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import structlog
import typer

from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.adapters.shared_encoder import EncoderServer
from pipeline.path.topology import FLIGHTS
from workers import assembly
from workers.fleet.roles import ENCODER_GRACE
from workers.health.dead_threads import watch_threads
from workers.health.interpreter import watch_interpreter
from workers.health.server import HealthServer
from workers.health.vitals import Vitals
from workers.process import signals
from workers.process.logs import log_as_a_service
from workers.settings import Settings
from workers.settings.options import with_settings

_log = structlog.get_logger(__name__)


@with_settings("model", "images", "state", "service", "log")
def encoder(
    settings: Settings,
    socket: Annotated[Path, typer.Argument(help="Unix socket to serve; workers name it with --encoder-socket.")],
) -> None:
    """Serve a model to the workers of this machine over shared memory, until SIGTERM.

    Each worker polls, decodes, decides and publishes in a process of its own; batches form across all of them from
    whatever waits when the device falls free. When the device fails this process ends: start it again, and the
    workers, which wait meanwhile, go on with the very images that were under way.
    """
    signals.end_at_once()
    metrics, vitals = PrometheusHooks(consumes=False), Vitals(settings.stall_after)
    watch_threads(vitals)
    watch_interpreter()
    ready: list[bool] = []
    log_as_a_service(metrics.log_lines_lost)

    def not_ready() -> str | None:
        return None if ready else "the model is loading"

    with ExitStack() as held:
        health = HealthServer(settings.metrics_host, settings.metrics_port, metrics.registry, vitals.alive, not_ready)
        held.callback(health.close)
        health.announce()
        encoder = assembly.load_encoder(settings, spread=True, lasting=True)
        stop = signals.stop_on_signals(ENCODER_GRACE)
        server = EncoderServer(encoder, socket, metrics, max_batch=settings.max_batch, flights=FLIGHTS)
        vitals.watch_progress("encoder", server.stalled)
        metrics.model_loaded(encoder.spec)
        ready.append(True)
        spec = encoder.spec
        _log.info("encoder_started", socket=str(socket), model=spec.name, dtype=spec.dtype, metrics_port=health.port)
        server.run(stop)
    _log.info("encoder_stopped")
