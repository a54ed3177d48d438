"""Days as they were counted -> the last of them beside the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.archive.archive import Segment
from pipeline.lab.drift.measures import Counts, chance, discrepancies, each_against_the_others, mean_shift
from pipeline.lab.drift.periods import Periods
from pipeline.lab.drift.record import DayCounts, FeatureDrift, PolicyDrift, Rate, Report, Scores, Size
from pipeline.lab.drift.tally import STEPS, Day, Scored
from pipeline.lab.evaluation.shares import share

BINS = np.array([0, 1, 2, 4, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180])
"""Where the bins of scores begin, in steps: finer towards 0, where most images have their score."""


def compared(address: str, segments: Sequence[Segment], of: Periods, days: Sequence[Day]) -> Report:
    """The report on the last of these days. `segments` are all of the archive; `days` has one day at least."""
    last, before = days[-1], days[:-1]
    known = set[str]().union(*(day.policy_sets for day in before))
    names = sorted(set().union(*(day.policies for day in days)))
    return Report(
        archive=address,
        size=_size(segments),
        model=of.kind[0],
        preprocess=of.kind[1],
        day=last.day.isoformat(),
        days_before=len(before),
        left_out=of.others,
        days=[_counts(day) for day in days],
        policy_sets=(len(last.policy_sets), len(known)),
        edited=bool(before) and not last.policy_sets <= known,
        policies=[_policy(name, days) for name in names if _scored(last, name)],
        features=_features(days) if before else None,
    )


def _size(segments: Sequence[Segment]) -> Size:
    return Size(
        segments=len(segments),
        bytes=sum(each.stored.bytes for each in segments),
        days=len({each.name.group.day for each in segments}),
    )


def _counts(day: Day) -> DayCounts:
    return DayCounts(day=day.day.isoformat(), images=day.images, rows=day.rows, verdicts=dict(day.verdicts))


def _policy(name: str, days: Sequence[Day]) -> PolicyDrift:
    """A policy that the last day has; days on which it was not scored do not count."""
    with_it = [(day.day.isoformat(), day.policies[name]) for day in days if _scored(day, name)]
    *before, (_, last) = with_it
    said = PolicyDrift(
        policy=name, rate=_rate(last), scores=_scores(last), by_day={day: _rate(each) for day, each in with_it}
    )
    if not before:
        return said
    month = _together([each for _, each in before])
    indices = each_against_the_others(np.stack([_binned(each.steps) for _, each in with_it]))
    return PolicyDrift(
        policy=name,
        rate=said.rate,
        scores=said.scores,
        rate_before=_rate(month),
        scores_before=_scores(month),
        stability=float(indices[-1]),
        chance=chance(float(indices[-1]), indices[:-1]),
        by_day=said.by_day,
    )


def _scored(day: Day, name: str) -> bool:
    return name in day.policies and day.policies[name].images > 0


def _together(scored: Sequence[Scored]) -> Scored:
    steps = np.sum([each.steps for each in scored], axis=0)
    return Scored(steps, sum(each.total for each in scored), sum(each.matches for each in scored))


def _binned(steps: Counts) -> Counts:
    return np.add.reduceat(steps, BINS)


def _rate(of: Scored) -> Rate:
    found = share(of.matches, of.images)
    return Rate(matches=of.matches, images=of.images, value=found.value, low=found.low, high=found.high)


def _scores(of: Scored) -> Scores:
    reached = np.cumsum(of.steps)

    def quantile(q: float) -> float:
        return (int(np.searchsorted(reached, q * reached[-1])) + 0.5) / STEPS

    return Scores(mean=of.total / of.images, median=quantile(0.5), p90=quantile(0.9), p99=quantile(0.99))


def _features(days: Sequence[Day]) -> FeatureDrift:
    totals = [day.total for day in days if day.total is not None]
    found = discrepancies([np.stack(day.sample.kept).astype(np.float64) for day in days])
    return FeatureDrift(
        mean_shift=mean_shift(totals[-1], np.sum(totals[:-1], axis=0)),
        discrepancy=float(found[-1]),
        sampled=(len(days[-1].sample.kept), sum(len(day.sample.kept) for day in days[:-1])),
        chance=chance(float(found[-1]), found[:-1]),
        by_day={day.day.isoformat(): float(each) for day, each in zip(days, found, strict=True)},
    )
