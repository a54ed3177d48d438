"""The metrics of the console; no worker has them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from workers.console.console import Console


class ConsoleMetrics:
    """Declared at once; told of a console by `watch`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answers = Counter("sluice_console_answers", "Answers that the console has read.", registry=registry)
        self.stream = Gauge(
            "sluice_console_stream_up", "1 while the console can read answers, else 0.", registry=registry
        )
        self.audit_lost = Gauge(
            "sluice_console_audit_lost",
            "Audit events since the start that could not be written to their topic: the log alone has them.",
            registry=registry,
        )
        self.processes = Gauge(
            "sluice_console_processes",
            "Workers, archivers and canaries that answer when the console reads their metrics.",
            registry=registry,
        )

    def watch(self, console: Console) -> None:
        """From now on they say how that console is."""
        console.feed.heard_by(lambda _: self.answers.inc())
        self.stream.set_function(lambda: float(console.feed.condition.well))
        self.audit_lost.set_function(lambda: console.audit.lost if console.audit else 0)
        self.processes.set_function(lambda: sum(each.away_since is None for each in console.fleet.processes))
