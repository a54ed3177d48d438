"""Figures over time, in memory: the last hour finely, the last day coarsely."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import floor
from threading import Lock

FINE, COARSE = (10.0, 360), (120.0, 720)
"""Seconds of a step, and how many are kept."""
MOST = 100
"""Figures that are kept apart."""
Row = tuple[float, dict[str, float]]


class Samples:
    """The last value of each figure in each step. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows = {step: deque[Row](maxlen=kept) for step, kept in (FINE, COARSE)}
        self._latest: dict[str, tuple[float, float]] = {}

    def add(self, at: float, figures: Mapping[str, float]) -> None:
        with self._lock:
            self._latest.update({name: (at, value) for name, value in figures.items()})
            for step, rows in self._rows.items():
                begins = floor(at / step) * step
                while rows and rows[-1][0] > begins + step:  # the clock was set back: they are of no time that was
                    rows.pop()
                if not rows or rows[-1][0] < begins:
                    rows.append((begins, {}))
                row = rows[-1][1]
                row.update({name: value for name, value in figures.items() if name in row or len(row) < MOST})

    def latest(self, since: float) -> dict[str, float]:
        """The last value of each figure that was told since that time: of what is gone nobody tells any."""
        with self._lock:
            return {name: value for name, (at, value) in self._latest.items() if at >= since}

    def rows(self) -> dict[str, list[Row]]:
        """All of it by the seconds of a step, to be kept in a file."""
        with self._lock:
            return {f"{step:g}": [(at, dict(row)) for at, row in rows] for step, rows in self._rows.items()}

    def recall(self, kept: Mapping[str, list[Row]], now: float) -> None:
        """Take what `rows` gave once, of the time that is kept; the latest figures are those of now alone."""
        with self._lock:
            for step, rows in self._rows.items():
                begins = now - step * (rows.maxlen or 0)
                first = rows[0][0] if rows else now
                old = [(at, row) for at, row in kept.get(f"{step:g}", []) if begins < at < first]
                rows.extendleft(reversed(old[-(rows.maxlen or 0) :]))

    def since(self, at: float, seconds: float) -> list[Row]:
        """Rows from that time on, of the finer steps where `seconds` are no more than an hour."""
        step = FINE[0] if seconds <= FINE[0] * FINE[1] else COARSE[0]
        with self._lock:
            return [(begins, dict(row)) for begins, row in self._rows[step] if begins + step > at]
