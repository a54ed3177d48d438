"""Figures in words: the same on the terminal and on the page."""

from __future__ import annotations

from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.lab.evaluation.metrics import LEAST_IN_GROUP
from pipeline.lab.evaluation.shares import Estimate

WORST = 20
"""Classes listed as the worst; the JSON has all."""


def percent(value: float) -> str:
    """A share, such as ``73.1 %``."""
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f} points"


def span(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f} %"


def points_span(estimate: Estimate) -> str:
    return f"{100 * estimate.low:+.1f} to {100 * estimate.high:+.1f}"


def trust(evaluation: Evaluation) -> str:
    """Which way the confidence errs, and how far."""
    claimed = evaluation.calibration.overconfidence
    return f"{'over' if claimed > 0 else 'under'}confident by {100 * abs(claimed):.1f} points"


def gap_text(evaluation: Evaluation) -> str:
    """The largest gap in a sentence; why there is none where groups are too small or too few."""
    gap = evaluation.gap
    if gap is None:
        return f"No gap: that takes two groups of {LEAST_IN_GROUP} images or more."
    sure = "" if gap.difference.low > 0 else ", perhaps by chance"
    return f"{gap.best} over {gap.worst}{sure}"


def left_out(evaluation: Evaluation) -> str:
    """How many images the figures are of, and what became of the rest."""
    parts = [f"{evaluation.scored:,} of {evaluation.images:,} images scored against {evaluation.classes:,} classes"]
    if evaluation.unlabelled:
        parts.append(f"{evaluation.unlabelled:,} without a label left out")
    if evaluation.unreadable:
        parts.append(f"{len(evaluation.unreadable):,} unreadable")
    return ", ".join(parts)


ELSEWHERE = ("data", "top-1", "95 % interval", "top-5", "calibration error", "overconfident by")
"""What the columns of `elsewhere` say."""


def elsewhere(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """A row for each other data set."""
    return [
        (
            each.data,
            percent(each.after.value),
            span(each.after),
            percent(each.top[-1].accuracy.value) if len(each.top) > 1 else "",
            percent(each.ece),
            points(each.overconfidence),
        )
        for each in evaluation.shifts
    ]


def worst(evaluation: Evaluation) -> list[tuple[str, Estimate, int, str]]:
    """The classes with most to gain: name, accuracy, images, and what they are mistaken for."""
    missed = [each for each in evaluation.by_class if each.mistaken_for is not None]
    return [(each.name, each.accuracy, each.examples, each.mistaken_for or "") for each in missed[:WORST]]
