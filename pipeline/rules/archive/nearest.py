"""The nearest images of very many, seen one after another: one line for an image and all that is nearly the same.

An image joins the highest line that it is alike; else it has a line of its own, which takes in the lower ones that
are alike. What was folded stays folded. So the lines depend on the order in which images come only where images are
alike in a chain, the first the second and the second the third, but the first not the third.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from pipeline.signals import Features

T = TypeVar("T")

SPARE, LEAST_SPARE = 3, 64
"""Lines kept beyond those asked for, for each of them and at least: where two lines become one, the next moves up."""


@dataclass(eq=False)
class Line(Generic[T]):
    """An image that was found, and the scores of those that were folded into it."""

    score: float
    found: T
    view: Features
    """``float32[D]`` of length 1: the view that it was found by."""
    folded: array[float] = field(default_factory=lambda: array("d"))

    def count(self, least: float) -> int:
        """How many images it stands for, of those that score at least so much."""
        return 1 + sum(score >= least for score in self.folded)


class Nearest(Generic[T]):
    """The `most` lines with the highest scores. Images are alike from a cosine of `alike` on; 2 folds none."""

    def __init__(self, most: int, alike: float) -> None:
        self.most = most
        self._alike = alike
        self._room = most + max(SPARE * most, LEAST_SPARE)
        self._lines: list[Line[T]] = []
        self._views: Features | None = None

    @property
    def best(self) -> float:
        """The highest score so far; minus infinity before there is one."""
        return self._lines[0].score if self._lines else -math.inf

    @property
    def floor(self) -> float:
        """What scores less changes nothing any more."""
        return self._lines[-1].score if len(self._lines) == self._room else -math.inf

    def offer(self, score: float, view: Features, found: T) -> None:
        """Take an image in, by its score and the view that has it."""
        if score < self.floor:
            return
        at = bisect_left(self._lines, -score, key=lambda line: -line.score)
        while at < len(self._lines) and self._lines[at].score == score:
            at += 1  # of equal ones the first stays first
        unit = view / max(float(np.linalg.norm(view)), 1e-12)
        alike = self._alike_lines(unit)
        if alike and alike[0] < at:
            self._lines[alike[0]].folded.append(score)
            return
        line = Line(score, found, unit)
        for lower in reversed(alike):
            gone = self._lines.pop(lower)
            line.folded.append(gone.score)
            line.folded.extend(gone.folded)
        self._lines.insert(at, line)
        del self._lines[self._room :]
        self._place([at, *alike])

    def lines(self, least: float = -math.inf) -> Sequence[tuple[Line[T], int]]:
        """The lines, the highest first, that score at least so much, each with how many images it stands for.

        Where there may be more lines than these, images are counted that score no less than the last of them: others
        were passed over, alike or not.
        """
        shown = [line for line in self._lines[: self.most] if line.score >= least]
        counted = shown[-1].score if len(shown) == self.most else least
        return [(line, line.count(counted)) for line in shown]

    def _alike_lines(self, unit: Features) -> list[int]:
        if self._views is None or not self._lines:
            return []
        cosines = self._views[: len(self._lines)] @ unit
        return np.flatnonzero(cosines >= self._alike).tolist()

    def _place(self, changed: Sequence[int]) -> None:
        """Bring the matrix of views in step with the lines, from the first that changed on."""
        if self._views is None:
            self._views = np.zeros((self._room, len(self._lines[0].view)), np.float32)
        for index in range(min(changed), len(self._lines)):
            self._views[index] = self._lines[index].view
