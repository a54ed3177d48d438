"""What is read of a process's page of metrics: few of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

WANTED = (
    "sluice_stage_seconds_sum",
    "sluice_stage_seconds_count",
    "sluice_stage_images_total",
    "sluice_queue_batches",
    "sluice_feature_cache_lookups_total",
    "sluice_text_cache_lookups_total",
    "sluice_shared_feature_cache_lookups_total",
    "sluice_images_total",
    "sluice_end_to_end_seconds_sum",
    "sluice_end_to_end_seconds_count",
    "sluice_assigned_partitions",
    "sluice_brake_on",
    "sluice_kafka_away",
    "sluice_policies_refused",
    "sluice_policies_last_good",
    "sluice_policy_held",
    "sluice_policy_set_info",
    "sluice_model_info",
    "sluice_absent_stores",
    "sluice_canary_latency_seconds_sum",
    "sluice_canary_latency_seconds_count",
    "sluice_canary_total",
    "sluice_archive_records_total",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "sluice_build_info",
)
MOST_LINES = 2_000
Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Page:
    """One look at one process: the series that matter here, and when."""

    at: float
    values: Mapping[Series, float]

    def of(self, name: str, **labels: str) -> float | None:
        """The sum of the series of that name that have those labels; None where there is none."""
        found = [value for series, value in self.values.items() if _means(series, name, labels)]
        return sum(found) if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """The series of that name by what that label says, added up."""
        found: dict[str, float] = {}
        for (series, labels), value in self.values.items():
            if series == name and (key := dict(labels).get(label)) is not None:
                found[key] = found.get(key, 0.0) + value
        return found

    def said(self, name: str, label: str) -> str:
        """What that label of an info says."""
        return next(iter(self.by(name, label)), "")


def _means(series: Series, name: str, labels: Mapping[str, str]) -> bool:
    return series[0] == name and labels.items() <= dict(series[1]).items()


def read_page(text: str, at: float) -> Page:
    """The wanted series of a page of metrics. Raises `ValueError` for what is none."""
    lines = "\n".join(_wanted(text)) + "\n"
    samples = (sample for family in text_string_to_metric_families(lines) for sample in family.samples)
    return Page(at, {(each.name, tuple(sorted(each.labels.items()))): float(each.value) for each in samples})


def _wanted(text: str) -> Iterator[str]:
    """Lines of the series that matter: a worker's page has hundreds of buckets that would be parsed for nothing."""
    found = (line for line in text.splitlines() if line.startswith(WANTED))
    return (line for line, _ in zip(found, range(MOST_LINES), strict=False))
