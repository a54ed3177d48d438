"""Figures of a drill as people read them, on a terminal, on a page and in reports."""

from __future__ import annotations


def percent(share: float | None, digits: int = 1) -> str:
    """``41.7%``, rounded down so that 100 means all; a dash where nothing was judged."""
    return "-" if share is None else f"{int(share * 100 * 10**digits + 1e-9) / 10**digits:g}%"


def points(lost: float | None) -> str:
    """A loss of score with two decimals; a dash where nothing was judged."""
    return "-" if lost is None else f"{round(lost, 2) + 0.0:.2f}"
