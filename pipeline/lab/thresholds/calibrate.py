"""Thresholds from labelled images: for each action the lowest that reaches its target, or why there is none.

The lowest threshold that reaches a target has the best recall of all that do; of those with the same recall the
highest is chosen, which flags the least wrongly. It stands midway, in logits, between the two scores that it parts,
so that no single image decides it, rounded to two or three digits that still reach the target on the data (to more
only where scores crowd so that three would lose recall).

A target is not reached where no threshold reaches it, and not *supported* where there are so few images that even a
flawless threshold would leave the lower end of its interval below the target. Then there is a best guess, which is
marked as unproven (`guess.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from pipeline.lab.evaluation.precision import positives_to_show
from pipeline.lab.thresholds.curve import Curve, Flags, Quality
from pipeline.lab.thresholds.guess import best_guess
from pipeline.lab.thresholds.targets import Target, out_of_reach, reached, shortage, untold
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
    unproven: str = ""
    """Where the new threshold is a best guess: what it rests on, and what it would take to show the target."""
    notes: tuple[str, ...] = ()


def calibrate(
    curve: Curve,
    actions: Mapping[Action, float],
    targets: Mapping[Action, Target],
    prevalence: float | None,
    *,
    guesses: bool = True,
) -> list[Choice]:
    """A choice for each of a policy's actions, the mildest first. `curve` holds at least one positive.

    Without `guesses` there is no new threshold where images are too few. No action's threshold comes to stand below a
    milder one's: the milder one's is the floor.
    """
    choices: list[Choice] = []
    floor = _Floor()
    for action in (each for each in get_args(Action) if each in actions):
        choice = _choose(curve, action, actions[action], targets.get(action), prevalence, floor, guesses=guesses)
        choices.append(choice)
        floor = _Floor(choice.before if choice.threshold is None else choice.threshold, action)
    return choices


@dataclass(frozen=True, slots=True)
class _Floor:
    """What the next severer threshold must not be below, and which action set it."""

    threshold: float = 0.0
    action: Action | None = None


def _choose(
    curve: Curve,
    action: Action,
    before: float,
    target: Target | None,
    prevalence: float | None,
    floor: _Floor,
    *,
    guesses: bool,
) -> Choice:
    problem, unproven, threshold = "", "", max(before, floor.threshold)
    if target is not None:
        found = _found(curve, target, prevalence, floor, before, guesses=guesses)
        problem, unproven = found.problem, found.unproven
        threshold = threshold if problem else found.threshold
    quality = curve.quality(before if problem else threshold, prevalence)
    if problem:
        return Choice(action, before, target, None, quality, problem)
    notes = [
        *_order_notes(before, threshold, target, floor),
        *_data_notes(curve, quality, target, prevalence),
        *curve.remarks(threshold),
    ]
    return Choice(action, before, target, threshold, quality, unproven=unproven, notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Found:
    """A threshold for a target, which is `unproven` where it is a guess; or the problem why there is none."""

    threshold: float = 0.0
    problem: str = ""
    unproven: str = ""


def _found(
    curve: Curve, target: Target, prevalence: float | None, floor: _Floor, before: float, *, guesses: bool
) -> _Found:
    if problem := untold(curve, target):
        return _Found(problem=problem)
    wanting, lowest = shortage(curve, target, prevalence), curve.level_of(floor.threshold)
    if not wanting:
        return _lowest(curve, reached(curve, target, prevalence), target, prevalence, floor)
    guessed = best_guess(curve, target, prevalence, lowest) if guesses else None
    if guessed is None:
        return _Found(problem=wanting)
    if floor.action and not guessed.expected:  # what is milder takes the best guess that there is
        return _Found(max(before, floor.threshold), unproven=f"no guess at {target}: {wanting}")
    columns: Flags = np.arange(len(curve.levels)) >= guessed.at
    threshold = _placed(curve, guessed.at, columns, lowest, floor)
    return _Found(threshold, unproven=f"{guessed.basis}; {wanting}")


def _lowest(curve: Curve, columns: Flags, target: Target, prevalence: float | None, floor: _Floor) -> _Found:
    """The lowest threshold from the floor on that reaches the target, which `columns` do; or why there is none."""
    if not columns.any():
        return _Found(problem=out_of_reach(curve, target, prevalence))
    lowest = curve.level_of(floor.threshold)
    if not columns[lowest:].any():
        below = f"{target} is reached only below {floor.action} ({floor.threshold:g})"
        return _Found(problem=f"{below}; give {floor.action} a target too")
    return _Found(_placed(curve, lowest + int(columns[lowest:].argmax()), columns, lowest, floor))


def _placed(curve: Curve, at: int, columns: Flags, lowest: int, floor: _Floor) -> float:
    """As high as it goes without finding less than column `at`: only images that do not show it score in between."""
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
