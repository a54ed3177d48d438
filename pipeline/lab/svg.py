"""Parts of charts as inline SVG. Colours and fonts come from the page's style sheet, by class name."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 640
"""Width of a wide chart in SVG units, which are pixels where the page is wide enough."""
Ends = tuple[float, float]
"""Where 0 and 1 of an axis lie, in SVG units."""
_NARROWEST = 560


def between(value: float, start: float, end: float) -> float:
    """Where a share lies between two ends; what is below 0 or above 1 is drawn at the end."""
    return start + (end - start) * min(max(value, 0.0), 1.0)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def text(x: float, y: float, said: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def spoken(said: str, *parts: str) -> str:
    """These parts as one, which a pointer or a screen reader is told of in these words."""
    return f"<g><title>{escape(said)}</title>{''.join(parts)}</g>"


def chart(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    """The parts as a chart; the title is what a screen reader says."""
    # On a phone a wide chart is scrolled, not shrunk past reading.
    style = f"max-width:{width:.0f}px;min-width:{min(width, _NARROWEST):.0f}px"
    return (
        f'<div class="chart"><svg role="img" viewBox="0 0 {width:.0f} {height:.0f}" style="{style}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg></div>"
    )
