"""What a threshold is asked to reach, where the data reach it, and what is wanting where they do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.lab.evaluation.precision import (
    MILLION,
    negatives_to_budget,
    negatives_to_show,
    positives_to_show,
)
from pipeline.lab.thresholds.curve import Curve, Flags


@dataclass(frozen=True, slots=True)
class Target:
    """What a threshold must reach on the data; None asks nothing."""

    precision: float | None = None
    """The least share of flagged images that show it, above 0 and below 1."""
    false_positives: float | None = None
    """The most flagged of a million images that do not show it, above 0 and below a million."""

    def __str__(self) -> str:
        precision = [] if self.precision is None else [f"precision {self.precision:g}"]
        budget = [] if self.false_positives is None else [f"{self.false_positives:g} false positives per million"]
        return " and ".join([*precision, *budget])


def reached(curve: Curve, target: Target, prevalence: float | None) -> Flags:
    """``bool[M]``: at which of the curve's columns the target is reached, by a threshold that finds something."""
    columns: Flags = (curve.hits > 0) & curve.told
    if target.precision is not None:
        columns &= curve.precision(prevalence) >= target.precision
    if target.false_positives is not None:
        columns &= curve.false * MILLION <= target.false_positives * curve.false[0]
        columns &= curve.complete
    return columns


def untold(curve: Curve, target: Target) -> str:
    """Why the data say nothing of the target, however many more there were of the kind; "" where they do."""
    if target.false_positives is not None and not curve.complete:
        return _untold(curve, target)
    return ""


def shortage(curve: Curve, target: Target, prevalence: float | None) -> str:
    """Why there are too few images to show the target, and how many more it would take; "" where they are enough."""
    positives, negatives = _needed(curve, target, prevalence)
    worth = curve.worth
    more = {"images that show it": positives - worth[0], "images that do not show it": negatives - worth[1]}
    wanted = " and ".join(f"{count:,} more {kind}" for kind, count in more.items() if count > 0)
    if not wanted:
        return ""
    there = f"{curve.positives:,} that do and {curve.negatives:,} that do not"
    if worth != (curve.positives, curve.negatives):
        there += f", worth {worth[0]:,} and {worth[1]:,} of equal weight"
    return f"too few images to tell {target}, even if none were scored wrongly: it takes {wanted} (there are {there})"


def _needed(curve: Curve, target: Target, prevalence: float | None) -> tuple[int, int]:
    """How many positives and negatives a flawless threshold needs to show the target; at least one negative."""
    positives, negatives = 0, 1
    if target.precision is not None and prevalence is None:
        positives = positives_to_show(target.precision)
    elif target.precision is not None and prevalence is not None:
        negatives = negatives_to_show(target.precision, prevalence, curve.positives)
    if target.false_positives is not None:
        negatives = max(negatives, negatives_to_budget(target.false_positives))
    return positives, negatives


def few_flagged(curve: Curve, threshold: float, target: Target, prevalence: float | None) -> str:
    """Why what a threshold flags would not show the precision, were all of it right; "" where it would."""
    if target.precision is None:
        return ""
    counts = curve.counts(threshold)
    flagged, worth = counts.hits + counts.false, curve.worth_from(threshold)
    if prevalence is not None:
        enough = negatives_to_show(target.precision, prevalence, counts.positives, counts.hits)
        if counts.negatives >= enough:
            return ""
        of = f"finds {counts.hits:,} of {counts.positives:,} images that show it"
        return f"{of}; with so few it takes {enough:,} that do not to show {target.precision:g}"
    enough = positives_to_show(target.precision)
    if worth >= enough:
        return ""
    images = f"{flagged:,} flagged image{'s' * (flagged != 1)}"
    equal = "" if worth == flagged else f", worth {worth:,} of equal weight"
    return f"rests on {images}{equal}; it takes {enough:,} to show {target.precision:g}"


def _untold(curve: Curve, target: Target) -> str:
    return f"{target} cannot be told: {'; '.join(curve.remarks(curve.least))}"


def out_of_reach(curve: Curve, target: Target, prevalence: float | None) -> str:
    """How near the nearest threshold comes where none will do, and what would help, since more images would not."""
    near = []
    finds = (curve.hits > 0) & curve.told
    if not finds.any():
        return _untold(curve, target)
    if target.precision is not None:
        precision = np.where(finds, curve.precision(prevalence), 0.0)
        at = int(precision.argmax())
        near.append(f"the best precision is {precision[at]:.3f}, at recall {curve.hits[at] / curve.hits[0]:.2f}")
    if target.false_positives is not None:
        least = float(curve.false[finds].min()) / curve.false[0] * MILLION
        near.append(f"the fewest false positives are {least:,.0f} per million")
    return (
        f"no threshold reaches {target}: {' and '.join(near)}; "
        "sharpen its prompts and unless, take a better model, or ask for less"
    )
