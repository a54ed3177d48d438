"""What every process tells of itself, whatever its role: what it uses, and which version of Sluice it runs."""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)


class ProcessMetrics:
    """The metrics of the process and the interpreter, and ``sluice_build_info``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # The library would add a `_created` series beside every counter and histogram: a third more, used by nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self.build = Info("sluice_build", "The version of Sluice that runs.", ["version"], registry=registry)
        self.build.labels(version("sluice")).info({})
