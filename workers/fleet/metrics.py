"""The metrics of all processes of a machine as one page, each series with the label ``process``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from pipeline.adapters.prometheus.process import ProcessMetrics
from workers.fleet.asking import ask_all
from workers.fleet.process import Role

KINDS = ("encoder", "moderator")
_log = structlog.get_logger(__name__)


class SupervisorMetrics:
    """What only a supervisor has. All series start at 0: a rate() sees no rise in a first value of 1."""

    def __init__(self, registry: CollectorRegistry) -> None:
        kind = ["process_kind"]
        self.restarts = Counter(
            "sluice_restarts", "Starts of a process in place of one that died, by its kind.", kind, registry=registry
        )
        self.hung = Counter(
            "sluice_hung_processes",
            "Processes killed for making no progress, by kind.",
            kind,
            registry=registry,
        )
        self.failing = Gauge(
            "sluice_failing_processes",
            "Processes that die again and again soon after their start, by kind.",
            kind,
            registry=registry,
        )
        for each in KINDS:
            for metric in (self.restarts, self.hung, self.failing):
                metric.labels(each)


class FleetMetrics(Collector):
    """`registry` exposes what the processes expose at that moment, and under ``supervisor`` what this process does.

    One that does not answer in time, or not in the language of metrics, is left out.
    """

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = roles
        self._own = CollectorRegistry()
        ProcessMetrics(self._own)
        self._metrics = SupervisorMetrics(self._own)
        self._lost = Counter(
            "sluice_log_lines_lost", "Lines of the log that could not be written.", registry=self._own
        )
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def restarted(self, kind: str) -> None:
        self._metrics.restarts.labels(kind).inc()

    def hung(self, kind: str) -> None:
        self._metrics.hung.labels(kind).inc()

    def failing(self, kind: str, processes: int) -> None:
        self._metrics.failing.labels(kind).set(processes)

    def log_lines_lost(self, lines: int) -> None:
        """Count the lines that this process lost; the others count their own."""
        self._lost.inc(lines)

    def collect(self) -> Iterator[Metric]:
        """One family for each name, with the series of all processes."""
        families: dict[str, Metric] = {}
        for process, found in self._families():
            for family in found:
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [
                    sample._replace(labels={**sample.labels, "process": process}) for sample in family.samples
                ]
        yield from families.values()

    def _families(self) -> Iterator[tuple[str, Sequence[Metric]]]:
        yield "supervisor", list(text_string_to_metric_families(generate_latest(self._own).decode()))
        replies = ask_all([role.health for role in self._roles], "/metrics")
        for role, reply in zip(self._roles, replies, strict=True):
            if reply is not None and reply[0] == HTTPStatus.OK:
                try:
                    yield role.name, list(text_string_to_metric_families(reply[1]))
                except Exception as error:  # noqa: BLE001 - the parser raises whatever a line makes it stumble over
                    _log.warning("metrics_left_out", of=role.name, error=f"{type(error).__name__}: {error}")
