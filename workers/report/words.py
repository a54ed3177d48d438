"""A report's figures as people read them."""

from __future__ import annotations

from pipeline.lab.drift.measures import LEAST_DAYS
from pipeline.lab.drift.record import FeatureDrift, PolicyDrift, Rate, Report, Scores

NONE = "-"


def rate(found: Rate | None) -> str:
    """``1.2 % (1.1 to 1.3)``; a dash where there is none."""
    if found is None:
        return NONE
    return f"{100 * found.value:.3g} % ({100 * found.low:.2g} to {100 * found.high:.2g})"


def percent(found: Rate | None) -> str:
    return NONE if found is None else f"{100 * found.value:.3g} %"


def mean(found: Scores | None) -> str:
    return NONE if found is None else f"{found.mean:.3f}"


def scores(found: Scores | None) -> str:
    """Mean, median, and the quantiles of 90 and 99 %."""
    return NONE if found is None else f"{found.mean:.3f}, {found.median:.3f}, {found.p90:.3f}, {found.p99:.3f}"


def said(drift: PolicyDrift | FeatureDrift) -> str:
    """Whether that is more than chance."""
    if drift.chance is None:
        return "too few days"
    return f"{'drift' if drift.drifted else 'as ever'} ({drift.chance:.2f})"


def stability(drift: PolicyDrift) -> str:
    return NONE if drift.stability is None else f"{round(drift.stability, 3) + 0.0:.3f}"  # never -0.000


def of_features(found: FeatureDrift | None) -> str:
    if found is None:
        return "features: there is no day before to compare with"
    return (
        f"features: {said(found)}; mean direction {found.mean_shift:.4f} apart, discrepancy {found.discrepancy:.4f}"
        f" between {found.sampled[0]:,} and {found.sampled[1]:,} images"
    )


def in_words(report: Report) -> str:
    """Of which days the report is, and what makes it weaker than it looks."""
    size, s = report.size, "" if report.size.days == 1 else "s"
    parts = [
        f"{report.archive}: {size.segments:,} segments of {size.days:,} day{s}, {size.bytes / 1e6:,.1f} MB",
        f"{report.day} beside {report.days_before:,} of the 30 days before",
    ]
    if report.days_before < LEAST_DAYS:
        parts.append(f"with fewer than {LEAST_DAYS} none can be told from chance")
    if report.edited:
        parts.append("policies were edited on that day, which changes scores as well")
    if report.left_out:
        parts.append(f"{report.left_out:,} segments of another model or preprocessing are left out")
    return "; ".join(parts)
