"""The metrics of who looks on from outside; no worker has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.adapters.prometheus.declared import LATENCY_BUCKETS
from pipeline.adapters.prometheus.process import ProcessMetrics
from pipeline.rules.canaries import Canary, Landed, Outcome
from pipeline.rules.flow.assignment import Partition, Standing


def own_metrics() -> CollectorRegistry:
    """A registry with the metrics of the process and the interpreter."""
    registry = CollectorRegistry()
    ProcessMetrics(registry)
    return registry


class CanaryMetrics:
    """All series of the canaries that are set stand from the start: a rate() sees no rise in a first value of 1."""

    def __init__(self, registry: CollectorRegistry, canaries: Sequence[Canary]) -> None:
        kind = ["canary"]
        self._sent = Counter(
            "sluice_canary_sent", "Canaries that the broker has acknowledged.", kind, registry=registry
        )
        self._outcomes = Counter(
            "sluice_canary",
            "Canaries by what came of them: right, wrong, dead_letter, or missing after canary_patience.",
            [*kind, "outcome"],
            registry=registry,
        )
        self._latency = Histogram(
            "sluice_canary_latency_seconds",
            "Seconds from sending a canary to reading its answer, of late answers too.",
            kind,
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._last_right = Gauge(
            "sluice_canary_last_right_timestamp_seconds",
            "When a canary last came back right and in time, or was first sent (Unix time).",
            kind,
            registry=registry,
        )
        self._interval = Gauge(
            "sluice_canary_interval_seconds", "Seconds between two canaries of a kind.", kind, registry=registry
        )
        for each in canaries:
            self._sent.labels(each.name)
            self._latency.labels(each.name)
            self._last_right.labels(each.name).set_to_current_time()
            self._interval.labels(each.name).set(each.every)
            for outcome in Outcome:
                self._outcomes.labels(each.name, outcome.value)

    def sent(self, canary: Canary) -> None:
        self._sent.labels(canary.name).inc()

    def landed(self, landed: Landed) -> None:
        name = landed.canary.name
        self._latency.labels(name).observe(landed.seconds)
        if landed.outcome is not None:
            self._outcomes.labels(name, landed.outcome.value).inc()
        if landed.outcome is Outcome.RIGHT:
            self._last_right.labels(name).set_to_current_time()

    def missing(self, canary: Canary) -> None:
        self._outcomes.labels(canary.name, Outcome.MISSING.value).inc()


class GroupMetrics:
    """What the broker says of the group."""

    def __init__(self, registry: CollectorRegistry, group: str) -> None:
        self._group = group
        where = ["group", "topic", "partition"]
        self._lag = Gauge(
            "sluice_group_lag_images",
            "Images that the group has not committed, by partition; asked of the broker and of no worker.",
            where,
            registry=registry,
        )
        self._committed = Gauge(
            "sluice_group_committed_offset", "How far the group has come, by partition.", where, registry=registry
        )
        self._looked_at = Gauge(
            "sluice_group_looked_at_timestamp_seconds",
            "When the broker last told how far the group has come, or the start (Unix time).",
            registry=registry,
        )
        self._looked_at.set_to_current_time()
        self._known: set[Partition] = set()

    def stands(self, standings: Mapping[Partition, Standing]) -> None:
        """Show where the group stands by now, and forget partitions that are gone."""
        for topic, partition in self._known - standings.keys():
            for metric in (self._lag, self._committed):
                metric.remove(self._group, topic, str(partition))
        self._known = set(standings)
        for (topic, partition), standing in standings.items():
            self._lag.labels(self._group, topic, str(partition)).set(standing.lag)
            self._committed.labels(self._group, topic, str(partition)).set(standing.committed)
        self._looked_at.set_to_current_time()
