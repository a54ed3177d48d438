"""Thresholds from labelled images: for each action the lowest that reaches its target, or why there is none.

The lowest threshold that reaches a target has the best recall of all that do; of those with the same recall the
highest is chosen, which flags the least wrongly. It stands midway, in logits, between the two scores that it parts,
so that no single image decides it, rounded to two or three digits that still reach the target on the data (to more
only where scores crowd so that three would lose recall).

A target is not reached where no threshold reaches it, and not *supported* where there are so few images that even a
flawless threshold would leave the lower end of its interval below the target. Then there is a best guess, which is
marked as unproven (`guess.py`). So is a threshold that reaches the target, but flags so few images that they would
not show it if all of them were right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from pipeline.lab.thresholds.curve import Curve, Flags, Quality
from pipeline.lab.thresholds.guess import basis, best_guess, expected, refuted
from pipeline.lab.thresholds.targets import Target, few_flagged, out_of_reach, reached, shortage, untold
from pipeline.rules.heads import SCORE_DIGITS
from pipeline.wire import Action

_LEAST = 0.5 * 10**-SCORE_DIGITS
"""Half of a score's last digit: scores of 0 and 1 are taken to lie this far inside, so that they have a logit."""
_KEPT = 0.99
"""The share of the exact threshold's hits that a rounded one must find: scores may crowd where digits are few."""
_REMEDY = "label more images, or find other words with `sluice policy lint` and `sluice policy try`"


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


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of one action's threshold, and what it must not be below."""

    curve: Curve
    target: Target
    prevalence: float | None
    floor: _Floor
    before: float
    guesses: bool

    @property
    def lowest(self) -> int:
        """The first column that it may be of."""
        return self.curve.level_of(self.floor.threshold)


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
        found = _found(_Question(curve, target, prevalence, floor, before, guesses))
        problem, unproven = found.problem, found.unproven
        threshold = threshold if problem else found.threshold
    quality = curve.quality(before if problem else threshold, prevalence)
    if problem:
        return Choice(action, before, target, None, quality, problem)
    notes = [
        *_order_notes(before, threshold, target, floor),
        *_data_notes(curve, quality),
        *curve.remarks(threshold),
    ]
    return Choice(action, before, target, threshold, quality, unproven=unproven, notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Found:
    """A threshold for a target, which is `unproven` where it is a guess; or the problem why there is none."""

    threshold: float = 0.0
    problem: str = ""
    unproven: str = ""


def _found(of: _Question) -> _Found:
    if problem := untold(of.curve, of.target):
        return _Found(problem=problem)
    if wanting := shortage(of.curve, of.target, of.prevalence):
        return _guessed(of, wanting)
    found = _lowest(of)
    few = "" if found.problem else few_flagged(of.curve, found.threshold, of.target, of.prevalence)
    return _of_few(of, found.threshold, few) if few else found


def _guessed(of: _Question, wanting: str) -> _Found:
    """The best guess, where there are too few images."""
    guess = best_guess(of.curve, of.target, of.prevalence, of.lowest) if of.guesses else None
    if guess is None:
        return _Found(problem=wanting)
    if of.floor.action and not guess.expected:
        return _stays(of, wanting)
    threshold = _placed(of, guess.at, np.arange(len(of.curve.levels)) >= guess.at)
    if against := refuted(of.curve, threshold, of.target, of.prevalence):
        return _Found(problem=f"no guess at {of.target}, since the images refute it: {against}; {_REMEDY}")
    return _Found(threshold, unproven=f"{basis(of.curve, threshold)}; {wanting}")


def _of_few(of: _Question, threshold: float, few: str) -> _Found:
    """A threshold that reaches its target, of which so few images tell that it is a guess."""
    if not of.guesses:
        return _Found(
            problem=f"a guess takes no shown threshold's place: {threshold:g} reaches {of.target}, but {few}"
        )
    hoped = expected(of.curve, of.target, of.prevalence)[of.curve.level_of(threshold)]
    if of.floor.action and not hoped:
        return _stays(of, f"{threshold:g} {few}")
    return _Found(threshold, unproven=f"a best guess from few images: it {few}")


def _stays(of: _Question, why: str) -> _Found:
    """A severer action keeps its threshold where its target cannot be expected; the mildest takes what there is."""
    return _Found(max(of.before, of.floor.threshold), unproven=f"no guess at {of.target}: {why}")


def _lowest(of: _Question) -> _Found:
    """The lowest threshold from the floor on that reaches the target; or why there is none."""
    columns = reached(of.curve, of.target, of.prevalence)
    if not columns.any():
        return _Found(problem=out_of_reach(of.curve, of.target, of.prevalence))
    if not columns[of.lowest :].any():
        below = f"{of.target} is reached only below {of.floor.action} ({of.floor.threshold:g})"
        return _Found(problem=f"{below}; give {of.floor.action} a target too")
    return _Found(_placed(of, of.lowest + int(columns[of.lowest :].argmax()), columns))


def _placed(of: _Question, at: int, columns: Flags) -> float:
    """As high as it goes without finding less than column `at`: only images that do not show it score in between."""
    curve = of.curve
    at = int(np.searchsorted(-curve.hits, -curve.hits[at], side="right")) - 1
    return of.floor.threshold if of.floor.action and at == of.lowest else _parting(curve, at, columns)


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


def _data_notes(curve: Curve, quality: Quality) -> Iterator[str]:
    if curve.negatives and quality.counts.false == curve.negatives:
        yield "flags every image of the data"


def _logit(share: float) -> float:
    inside = min(max(share, _LEAST), 1 - _LEAST)
    return math.log(inside / (1 - inside))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
