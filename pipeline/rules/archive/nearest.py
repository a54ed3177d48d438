"""The nearest images of very many, seen one after another: one line for an image and all that is nearly the same.

An image joins the highest line that it is alike; else it has a line of its own, which takes in the lower ones that
are alike. What was folded stays folded. So the lines depend on the order in which images come only where images are
alike in a chain, the first the second and the second the third, but the first not the third.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

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
    """The `most` lines with the highest scores. Images are alike from a cosine of `alike` on; 2 folds none.

    Of equal scores the one stands first that `order` puts first, and else the one that came first.
    """

    def __init__(self, most: int, alike: float, order: Callable[[T], Any] = lambda _: 0) -> None:
        self.most = most
        self._alike = alike
        self._order = order
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

    @property
    def kept(self) -> Sequence[Line[T]]:
        """All lines, those to spare among them: what `take` of another needs to go on from here."""
        return tuple(self._lines)

    def offer(self, score: float, view: Features, found: T) -> None:
        """Take an image in, by its score and the view that has it."""
        if score >= self.floor:
            self.take(Line(score, found, view / max(float(np.linalg.norm(view)), 1e-12)))

    def take(self, line: Line[T]) -> None:
        """Take in an image with all that was folded into it, as another that holds the nearest of others has it."""
        if line.score < self.floor:
            return
        at = bisect_right(self._lines, self._place_of(line), key=self._place_of)
        alike = self._alike_lines(line.view)
        if alike and alike[0] < at:
            self._lines[alike[0]].folded.extend((line.score, *line.folded))
            return
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

    def _place_of(self, line: Line[T]) -> tuple[float, Any]:
        return -line.score, self._order(line.found)

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
