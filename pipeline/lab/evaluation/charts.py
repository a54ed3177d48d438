"""Charts as inline SVG. Colours and fonts come from the page's style sheet, by class name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pipeline.lab.evaluation.reliability import Bin
from pipeline.lab.evaluation.shares import Estimate

WIDTH = 640
"""Width of a chart of bars in SVG units, which are pixels where the page is wide enough."""
_ROW, _TOP, _LABELS, _FIGURES = 30, 8, 180, 140
_LONGEST_LABEL = 24
_SIDE, _MARGIN = 300, 44
_NARROWEST = 440
Ends = tuple[float, float]
"""Where 0 and 1 of an axis lie, in SVG units."""
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def bars(title: str, rows: Sequence[tuple[str, Estimate, str]]) -> str:
    """Horizontal bars of shares, each with its interval as a whisker; a row is label, share, and a note beside it."""
    left, right = _LABELS, WIDTH - _FIGURES
    bottom = _TOP + _ROW * len(rows)
    parts = [_line(_between(tick, left, right), _TOP, _between(tick, left, right), bottom, "grid") for tick in _TICKS]
    for index, (label, share, note) in enumerate(rows):
        parts.append(_bar(label, share, note, _TOP + _ROW * index, (left, right)))
    parts += [
        _text(_between(tick, left, right), bottom + 18, f"{100 * tick:.0f} %", "tick", "middle") for tick in _TICKS
    ]
    return _svg(title, WIDTH, bottom + 26, parts)


def _bar(label: str, share: Estimate, note: str, y: float, ends: Ends) -> str:
    middle = y + _ROW / 2
    start, value, low, high = (_between(each, *ends) for each in (0.0, share.value, share.low, share.high))
    short = label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "\u2026"
    spoken = f"{label}: {100 * share.value:.1f} %, 95 % interval {100 * share.low:.1f} to {100 * share.high:.1f} %"
    return (
        f"<g><title>{escape(spoken)}</title>"
        + _text(start - 10, middle + 4, short, "label", "end")
        + f'<rect class="bar" x="{start:.1f}" y="{y + 6:.1f}" width="{value - start:.1f}" height="{_ROW - 12}"/>'
        + _line(low, middle, high, middle, "whisker")
        + "".join(_line(end, middle - 5, end, middle + 5, "whisker") for end in (low, high))
        + _text(ends[1] + 14, middle + 4, f"{100 * share.value:.1f} %", "figure", "start")
        + _text(WIDTH - 2, middle + 4, note, "tick", "end")
        + "</g>"
    )


def reliability_diagram(title: str, bins: Sequence[Bin]) -> str:
    """Accuracy over confidence: a dot for each bin, larger with its share of the examples, and its interval.

    On the diagonal the model is right as often as it says.
    """
    left, bottom = float(_MARGIN), _SIDE + 12.0
    right, top = left + _SIDE, bottom - _SIDE
    largest = max(row.examples for row in bins)
    dots = [_dot(row, row.examples / largest, (left, right), (bottom, top)) for row in bins]
    axes = [
        _text((left + right) / 2, bottom + 38, "confidence", "axis", "middle"),
        f'<g transform="translate(12 {(top + bottom) / 2:.0f}) rotate(-90)">',
        _text(0, 0, "accuracy", "axis", "middle") + "</g>",
    ]
    return _svg(title, right + 14, bottom + 48, [*_square((left, right), (bottom, top)), *axes, *dots])


def _square(across: Ends, upwards: Ends) -> Iterator[str]:
    """The grid, its ticks and the diagonal."""
    (left, right), (bottom, top) = across, upwards
    for tick in _TICKS:
        x, y = _between(tick, *across), _between(tick, *upwards)
        yield _line(x, bottom, x, top, "grid") + _line(left, y, right, y, "grid")
        yield _text(x, bottom + 18, f"{tick:g}", "tick", "middle") + _text(
            left - 8, y + 4, f"{tick:g}", "tick", "end"
        )
    yield _line(left, bottom, right, top, "ideal")


def _dot(row: Bin, size: float, across: Ends, upwards: Ends) -> str:
    """Draw one bin; `size` is its number of examples as a share of the largest bin's."""
    x = _between(row.confidence, *across)
    low, value, high = (
        _between(each, *upwards) for each in (row.accuracy.low, row.accuracy.value, row.accuracy.high)
    )
    spoken = f"confidence {row.confidence:.3f}, right {100 * row.accuracy.value:.1f} % of {row.examples:,}"
    radius = 3 + 4 * size**0.5  # its square root, so that the area grows with the number
    return (
        f"<g><title>{escape(spoken)}</title>{_line(x, low, x, high, 'whisker')}"
        f'<circle class="dot" cx="{x:.1f}" cy="{value:.1f}" r="{radius:.1f}"/></g>'
    )


def _between(value: float, start: float, end: float) -> float:
    """Where a share lies between two ends; what is below 0 or above 1 is drawn at the end."""
    return start + (end - start) * min(max(value, 0.0), 1.0)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    # On a phone a wide chart is scrolled, not shrunk past reading. The title is what a screen reader says.
    style = f"max-width:{width:.0f}px;min-width:{min(width, _NARROWEST):.0f}px"
    return (
        f'<div class="chart"><svg role="img" viewBox="0 0 {width:.0f} {height:.0f}" style="{style}">'
        f"<title>{escape(title)}</title>{inside}</svg></div>"
    )
