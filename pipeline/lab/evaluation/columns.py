"""A chart of counts over time: columns for stretches of days, stacked by kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.lab.svg import box, chart, line, spoken, text

MOST = 62
"""Columns; of more days than that, several make one."""
_WIDTH, _LEFT, _TOP, _HEIGHT = 720, 56, 12, 150
_TICKS = 4
_WIDEST = 44
_NAME = 44
"""Room for the name of a day."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Counts of one kind, one for each day. ``style`` is a class of the page's style sheet."""

    name: str
    style: str
    counts: Sequence[int]


def columns(title: str, days: Sequence[date], up: Sequence[Kind], down: Sequence[Kind] = ()) -> str:
    """A column for each day, the kinds of `up` stacked upwards from the axis and those of `down` downwards.

    The days ascend; those that are missing between them are days without any.
    """
    first, span = days[0], (days[-1] - days[0]).days + 1
    each = -(-span // MOST)
    stretches = -(-span // each)
    at = [(day - first).days // each for day in days]
    above, below = (_stacked(kinds, at, stretches) for kinds in (up, down))
    scale = _Scale(max(map(sum, above), default=0), max(map(sum, below), default=0))
    step = (_WIDTH - _LEFT) / stretches
    parts = [*_grid(scale)]
    for index in range(stretches):
        start = first + timedelta(days=index * each)
        width = min(step * 0.78, _WIDEST)
        x = _LEFT + step * (index + 0.5) - width / 2
        said = _said(start, each, [*zip(up, above[index], strict=True), *zip(down, below[index], strict=True)])
        parts.append(spoken(said, *_column(x, width, scale, (up, above[index]), (down, below[index]))))
    parts += _dates(first, each, stretches, step, scale.bottom)
    return chart(title, _WIDTH, scale.bottom + 26, parts)


class _Scale:
    """Where counts lie: those above the axis, and those below it."""

    def __init__(self, most_up: int, most_down: int) -> None:
        self.tick = _round_step(max(most_up, most_down, 1) / _TICKS)
        self.up, self.down = (math.ceil(most / self.tick) for most in (most_up, most_down))
        self.up = max(self.up, 1)
        self.unit = _HEIGHT / ((self.up + self.down) * self.tick)
        self.axis = _TOP + self.up * self.tick * self.unit
        self.bottom = float(_TOP + _HEIGHT)

    def y(self, count: float) -> float:
        """Of a count above the axis, or of a negative one below it."""
        return self.axis - count * self.unit


def _round_step(least: float) -> int:
    """The first of 1, 2, 5, 10, 20, 50... that is not below `least`."""
    power: int = 10 ** max(0, math.floor(math.log10(least)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _grid(scale: _Scale) -> Iterator[str]:
    for tick in range(-scale.down, scale.up + 1):
        y = scale.y(tick * scale.tick)
        yield line(_LEFT, y, _WIDTH, y, "grid" if tick else "axis-line")
        yield text(_LEFT - 8, y + 4, _short(abs(tick) * scale.tick), "tick", "end")


def _short(count: int) -> str:
    for unit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:g}{sign}"
    return str(count)


def _stacked(kinds: Sequence[Kind], at: Sequence[int], stretches: int) -> list[list[int]]:
    """For each stretch the count of each kind."""
    sums = [[0] * len(kinds) for _ in range(stretches)]
    for number, kind in enumerate(kinds):
        for stretch, count in zip(at, kind.counts, strict=True):
            sums[stretch][number] += count
    return sums


def _column(x: float, width: float, scale: _Scale, *sides: tuple[Sequence[Kind], Sequence[int]]) -> Iterator[str]:
    for sign, (kinds, counts) in zip((1, -1), sides, strict=True):
        reached = 0
        for kind, count in zip(kinds, counts, strict=True):
            if count:
                ends = scale.y(sign * reached), scale.y(sign * (reached + count))
                yield box(x, min(ends), width, abs(ends[0] - ends[1]), kind.style)
            reached += count


def _said(start: date, each: int, counted: Sequence[tuple[Kind, int]]) -> str:
    when = str(start) if each == 1 else f"{start} to {start + timedelta(days=each - 1)}"
    return f"{when}: " + ", ".join(f"{count:,} {kind.name}" for kind, count in counted)


def _dates(first: date, each: int, stretches: int, step: float, bottom: float) -> Iterator[str]:
    """As many of the days' names as have room."""
    every = max(1, math.ceil(72 / step))
    for index in range(0, stretches, every):
        x = _LEFT + step * (index + 0.5)
        at, anchor = (x, "middle") if x + _NAME / 2 <= _WIDTH else (_WIDTH, "end")
        yield text(at, bottom + 18, f"{first + timedelta(days=index * each):%-d %b}", "tick", anchor)
