"""Reads reviews from a CSV file, as a spreadsheet or somebody's own tool writes them.

::

    image_id,policy,label,inclusion_probability
    cat-17.jpg,weapons,no,0.01
    u/829/41,weapons,yes,1

Either ``image_id`` or ``event_id`` says which image is meant. ``inclusion_probability`` is 1 where it is not given.
``reviewer`` and ``at`` (RFC 3339) may stand beside them; without a time, the later line counts.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import get_args

from pipeline.lab.data.csv_rows import Row, read_rows
from pipeline.wire import Label, Review

LABELS: tuple[Label, ...] = get_args(Label)


def read_reviews(path: Path, known: Collection[str]) -> list[Review]:
    """The reviews of a CSV file, in its order, of policies that are `known`.

    Raises `UsageError` that names file and line.
    """
    rows = read_rows(path, ("policy", "label"), ("image_id", "event_id", "inclusion_probability", "reviewer", "at"))
    return [_review(row, known) for row in rows]


def _review(row: Row, known: Collection[str]) -> Review:
    cells = row.cells
    if not cells["image_id"] and not cells["event_id"]:
        raise row.problem("which image? write its id under 'image_id', or its event's under 'event_id'")
    if cells["policy"] not in known:
        close = difflib.get_close_matches(cells["policy"], known, n=1)
        hint = f"did you mean {close[0]!r}" if close else f"known are {', '.join(sorted(known))}"
        raise row.problem(f"no policy is called {cells['policy']!r}; {hint}")
    return Review(
        review_id=f"{row.file.name}:{row.line}",
        event_id=cells["event_id"],
        image_id=cells["image_id"],
        policy=cells["policy"],
        label=_label(row),
        reviewer=cells["reviewer"],
        inclusion_probability=_probability(row),
        at=_time(row),
    )


def _time(row: Row) -> str:
    text = row.cells["at"]
    try:
        if text:
            datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise row.problem(f"the time {text!r} is none; write it as 2026-03-02T14:00:00Z") from None
    return text


def _label(row: Row) -> Label:
    for label in LABELS:
        if row.cells["label"].lower() == label:
            return label
    raise row.problem(f"the label {row.cells['label']!r} is none; write {', '.join(LABELS[:-1])} or {LABELS[-1]}")


def _probability(row: Row) -> float:
    text = row.cells["inclusion_probability"]
    if not text:
        return 1.0
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (isfinite(value) and 0 < value <= 1):
        raise row.problem(
            f"the inclusion probability {text!r} is none; give the chance with which the image was chosen to be "
            "reviewed, above 0 and at most 1"
        )
    return value
