"""Drift as gauges in a file that node exporter's textfile collector reads."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from pipeline.lab.drift.record import PolicyDrift, Report


def metrics(report: Report) -> bytes:
    """The report in Prometheus' text format."""
    registry = CollectorRegistry()
    starts = _gauge(registry, "day_timestamp_seconds", "Start of the day that is compared with the month before.")
    starts.set(datetime.fromisoformat(report.day).replace(tzinfo=UTC).timestamp())
    _gauge(registry, "days_before", "Days of the month before that have images of the model.").set(report.days_before)
    images = _gauge(registry, "images", "Images that are compared, by period: day or month.", "period")
    images.labels("day").set(report.days[-1].images)
    images.labels("month").set(sum(each.images for each in report.days[:-1]))
    _policies(registry, report)
    if report.features is not None:
        shift = _gauge(registry, "feature_shift", "One minus the cosine of the features' mean directions.")
        shift.set(report.features.mean_shift)
        apart = _gauge(registry, "feature_discrepancy", "Squared maximum mean discrepancy of the features.")
        apart.set(report.features.discrepancy)
        if report.features.chance is not None:
            rare = _gauge(registry, "feature_chance", "How often features are that far apart, of days in any order.")
            rare.set(report.features.chance)
    return generate_latest(registry)


def _policies(registry: CollectorRegistry, report: Report) -> None:
    ratio = _gauge(registry, "match_ratio", "Share of images that match the policy.", "policy", "period")
    mean = _gauge(registry, "score_mean", "Mean of the policy's scores.", "policy", "period")
    apart = _gauge(registry, "score_stability", "Population stability index of the policy's scores.", "policy")
    rare = _gauge(registry, "score_chance", "How often scores are that far apart, of days in any order.", "policy")
    for each in report.policies:
        for period, rate, scores in _periods(each):
            ratio.labels(each.policy, period).set(rate)
            mean.labels(each.policy, period).set(scores)
        if each.stability is not None:
            apart.labels(each.policy).set(each.stability)
        if each.chance is not None:
            rare.labels(each.policy).set(each.chance)


def _periods(each: PolicyDrift) -> list[tuple[str, float, float]]:
    found = [("day", each.rate.value, each.scores.mean)]
    if each.rate_before is not None and each.scores_before is not None:
        found.append(("month", each.rate_before.value, each.scores_before.mean))
    return found


def _gauge(registry: CollectorRegistry, name: str, said: str, *labels: str) -> Gauge:
    return Gauge(f"sluice_drift_{name}", said, labels, registry=registry)
