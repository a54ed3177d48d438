"""Charts of shares: bars with their intervals, and how often a model is right at each confidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.lab.evaluation.reliability import Bin
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.svg import WIDTH, Ends, between, box, chart, line, spoken, text

_ROW, _TOP, _LABELS, _FIGURES = 30, 8, 180, 140
_LONGEST_LABEL = 24
_SIDE, _MARGIN = 300, 44
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def bars(title: str, rows: Sequence[tuple[str, Estimate, str]]) -> str:
    """Horizontal bars of shares, each with its interval as a whisker; a row is label, share, and a note beside it."""
    left, right = _LABELS, WIDTH - _FIGURES
    bottom = _TOP + _ROW * len(rows)
    parts = [line(between(tick, left, right), _TOP, between(tick, left, right), bottom, "grid") for tick in _TICKS]
    for index, (label, share, note) in enumerate(rows):
        parts.append(_bar(label, share, note, _TOP + _ROW * index, (left, right)))
    parts += [
        text(between(tick, left, right), bottom + 18, f"{100 * tick:.0f} %", "tick", "middle") for tick in _TICKS
    ]
    return chart(title, WIDTH, bottom + 26, parts)


def _bar(label: str, share: Estimate, note: str, y: float, ends: Ends) -> str:
    middle = y + _ROW / 2
    start, value, low, high = (between(each, *ends) for each in (0.0, share.value, share.low, share.high))
    short = label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "\u2026"
    said = f"{label}: {100 * share.value:.1f} %, 95 % interval {100 * share.low:.1f} to {100 * share.high:.1f} %"
    return spoken(
        said,
        text(start - 10, middle + 4, short, "label", "end"),
        box(start, y + 6, value - start, _ROW - 12, "bar"),
        line(low, middle, high, middle, "whisker"),
        *(line(end, middle - 5, end, middle + 5, "whisker") for end in (low, high)),
        text(ends[1] + 14, middle + 4, f"{100 * share.value:.1f} %", "figure", "start"),
        text(WIDTH - 2, middle + 4, note, "tick", "end"),
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
        text((left + right) / 2, bottom + 38, "confidence", "axis", "middle"),
        f'<g transform="translate(12 {(top + bottom) / 2:.0f}) rotate(-90)">',
        text(0, 0, "accuracy", "axis", "middle") + "</g>",
    ]
    return chart(title, right + 14, bottom + 48, [*_square((left, right), (bottom, top)), *axes, *dots])


def _square(across: Ends, upwards: Ends) -> Iterator[str]:
    """The grid, its ticks and the diagonal."""
    (left, right), (bottom, top) = across, upwards
    for tick in _TICKS:
        x, y = between(tick, *across), between(tick, *upwards)
        yield line(x, bottom, x, top, "grid") + line(left, y, right, y, "grid")
        yield text(x, bottom + 18, f"{tick:g}", "tick", "middle") + text(left - 8, y + 4, f"{tick:g}", "tick", "end")
    yield line(left, bottom, right, top, "ideal")


def _dot(row: Bin, size: float, across: Ends, upwards: Ends) -> str:
    """Draw one bin; `size` is its number of examples as a share of the largest bin's."""
    x = between(row.confidence, *across)
    low, value, high = (between(each, *upwards) for each in (row.accuracy.low, row.accuracy.value, row.accuracy.high))
    said = f"confidence {row.confidence:.3f}, right {100 * row.accuracy.value:.1f} % of {row.examples:,}"
    radius = 3 + 4 * size**0.5  # its square root, so that the area grows with the number
    dot = f'<circle class="dot" cx="{x:.1f}" cy="{value:.1f}" r="{radius:.1f}"/>'
    return spoken(said, line(x, low, x, high, "whisker"), dot)
