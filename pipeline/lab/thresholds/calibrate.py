"""Thresholds from labelled images: for each action the lowest that reaches its target, or why there is none.

The lowest threshold that reaches a target has the best recall of all that do; of those with the same recall the
highest is chosen, which flags the least wrongly. It stands midway, in logits, between the two scores that it parts,
so that no single image decides it, rounded to two or three digits that still reach the target on the data (to more
only where scores crowd so that three would lose recall).

A target is not reached where no threshold reaches it, and not *supported* where there are so few images that even a
flawless threshold would leave the lower end of its interval below the target.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from pipeline.lab.evaluation.precision import positives_to_show
from pipeline.lab.thresholds.curve import Curve, Flags, Quality
from pipeline.lab.thresholds.targets import Target, out_of_reach, reached, shortage
from pipeline.rules.heads import SCORE_DIGITS
from pipeline.wire import Action

_LEAST = 0.5 * 10**-SCORE_DIGITS
"""Half of a score's last digit: scores of 0 and 1 are taken to lie this far inside, so that they have a logit."""
_KEPT = 0.99
"""The share of the exact threshold's hits that a rounded one must find: scores may crowd where digits are few."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one action's threshold."""

    action: Action
    before: float
    target: Target | None
    """None where nothing was asked of this action: its threshold stays, unless a milder one passed it."""
    threshold: float | None
    """The new threshold; None where the target is not supported or not reached."""
    quality: Quality
    """What the new threshold does, or else the one that stays."""
    problem: str = ""
    """Why there is no new threshold, and what would be needed."""
    notes: tuple[str, ...] = ()


def calibrate(
    curve: Curve, actions: Mapping[Action, float], targets: Mapping[Action, Target], prevalence: float | None
) -> list[Choice]:
    """A choice for each of a policy's actions, the mildest first. `curve` holds at least one positive.

    No action's threshold comes to stand below a milder one's: the milder one's is the floor.
    """
    choices: list[Choice] = []
    floor = _Floor()
    for action in (each for each in get_args(Action) if each in actions):
        choice = _choose(curve, action, actions[action], targets.get(action), prevalence, floor)
        choices.append(choice)
        floor = _Floor(choice.before if choice.threshold is None else choice.threshold, action)
    return choices


@dataclass(frozen=True, slots=True)
class _Floor:
    """What the next severer threshold must not be below, and which action set it."""

    threshold: float = 0.0
    action: Action | None = None


def _choose(
    curve: Curve, action: Action, before: float, target: Target | None, prevalence: float | None, floor: _Floor
) -> Choice:
    problem, threshold = "", max(before, floor.threshold)
    if target is not None:
        found = _lowest(curve, target, prevalence, floor)
        if isinstance(found, str):
            problem = found
        else:
            threshold = found
    quality = curve.quality(before if problem else threshold, prevalence)
    if problem:
        return Choice(action, before, target, None, quality, problem)
    notes = [
        *_order_notes(before, threshold, target, floor),
        *_data_notes(curve, quality, target, prevalence),
        *curve.remarks(threshold),
    ]
    return Choice(action, before, target, threshold, quality, notes=tuple(notes))


def _lowest(curve: Curve, target: Target, prevalence: float | None, floor: _Floor) -> float | str:
    """The lowest threshold from the floor on that reaches the target, or in words why there is none."""
    if wanting := shortage(curve, target, prevalence):
        return wanting
    columns = reached(curve, target, prevalence)
    if not columns.any():
        return out_of_reach(curve, target, prevalence)
    lowest = curve.level_of(floor.threshold)
    if not columns[lowest:].any():
        return (
            f"{target} is reached only below {floor.action} ({floor.threshold:g}); give {floor.action} a target too"
        )
    at = lowest + int(columns[lowest:].argmax())
    # As high as it goes without finding less: only images that do not show it score in between.
    at = int(np.searchsorted(-curve.hits, -curve.hits[at], side="right")) - 1
    return floor.threshold if floor.action and at == lowest else _parting(curve, at, columns)


def _parting(curve: Curve, at: int, columns: Flags) -> float:
    """A short number that flags what column `at` does, or nearly: see the module's text."""
    low = float(curve.levels[at - 1]) if at else curve.least
    high = float(curve.levels[at])
    middle, quarter = (_logit(low) + _logit(high)) / 2, (_logit(high) - _logit(low)) / 4
    short = round(_logistic(middle), 2)
    if low < short <= high and abs(_logit(short) - middle) <= quarter:
        return short
    for digits in range(3, SCORE_DIGITS + 1):
        threshold = round(_logistic(middle), digits)
        if low < threshold <= high:
            return threshold
        if (above := _above(curve, at, columns, digits)) is not None:
            return above
    return high


def _above(curve: Curve, at: int, columns: Flags, digits: int) -> float | None:
    """The first number of ``digits`` digits above column `at` that reaches the target and finds nearly as much."""
    steps = 10**digits
    grid = np.arange(math.ceil(curve.levels[at] * steps), steps + 1) / steps  # divided: each is its decimal exactly
    parts = np.searchsorted(curve.levels, grid, side="left")
    fits = np.append(columns, False)[parts] & (np.append(curve.hits, 0)[parts] >= _KEPT * curve.hits[at])
    return float(grid[fits.argmax()]) if fits.any() else None


def _order_notes(before: float, threshold: float, target: Target | None, floor: _Floor) -> Iterator[str]:
    if target is None:
        yield "no target given, so it stays" if threshold == before else f"raised, not to be below {floor.action}"
    if floor.action and threshold == floor.threshold:
        yield f"equal to {floor.action}, which so never comes to act"


def _data_notes(curve: Curve, quality: Quality, target: Target | None, prevalence: float | None) -> Iterator[str]:
    counts = quality.counts
    if curve.negatives and counts.false == curve.negatives:
        yield "flags every image of the data"
    if target and target.precision is not None and prevalence is None:
        flagged, enough = counts.hits + counts.false, positives_to_show(target.precision)
        if flagged < enough:
            yield f"rests on {flagged} flagged images; it takes {enough} to show {target.precision:g}"


def _logit(share: float) -> float:
    inside = min(max(share, _LEAST), 1 - _LEAST)
    return math.log(inside / (1 - inside))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
