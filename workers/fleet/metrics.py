"""The metrics of all processes of a machine as one page, each series with the label ``process``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from workers.fleet.asking import ask
from workers.fleet.process import Role

KINDS = ("encoder", "moderator")


def restarts_counter(registry: CollectorRegistry) -> Counter:
    """The one metric of the supervisor's own. Both series start at 0: a rate() sees no rise in a first value of 1."""
    text = "Starts of a process in place of one that died, by its kind."
    counter = Counter("sluice_restarts", text, ["process_kind"], registry=registry)
    for kind in KINDS:
        counter.labels(kind)
    return counter


class FleetMetrics(Collector):
    """`registry` exposes what the processes expose at that moment, and under ``supervisor`` what this process does.

    One that does not answer is left out.
    """

    def __init__(self, roles: Sequence[Role]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._roles = roles
        self._own = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._own)
        self._restarts = restarts_counter(self._own)
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def restarted(self, kind: str) -> None:
        """A process of that kind was started again."""
        self._restarts.labels(kind).inc()

    def collect(self) -> Iterator[Metric]:
        """One family for each name, with the series of all processes."""
        families: dict[str, Metric] = {}
        for process, page in self._pages():
            for family in text_string_to_metric_families(page):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [
                    sample._replace(labels={**sample.labels, "process": process}) for sample in family.samples
                ]
        yield from families.values()

    def _pages(self) -> Iterator[tuple[str, str]]:
        yield "supervisor", generate_latest(self._own).decode()
        for role in self._roles:
            answer = ask(role.health, "/metrics")
            if answer is not None and answer[0] == HTTPStatus.OK:
                yield role.name, answer[1]
