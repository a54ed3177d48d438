"""Reads reviews from a CSV file, as a spreadsheet or somebody's own tool writes them.

::

    image_id,policy,label,inclusion_probability
    cat-17.jpg,weapons,no,0.01
    u/829/41,weapons,yes,1

Either ``image_id`` or ``event_id`` says which image is meant. ``inclusion_probability`` is 1 where it is not given.
``reviewer`` and ``at`` (RFC 3339; UTC, where it names no zone) may stand beside them. Of lines without a time the
later one counts, and one with a time counts before them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pathlib import Path
from typing import get_args

from pipeline.lab.data.csv_rows import Row, read_rows
from pipeline.rules.times import in_utc
from pipeline.wire import LEAST_CHANCE, Label, Review, rfc3339

LABELS: tuple[Label, ...] = get_args(Label)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


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
    """As RFC 3339, which is what reviews have; a time that is that already stays as it is written."""
    text = row.cells["at"]
    try:
        at = in_utc(text).timestamp() if text else 0.0
    except ValueError:
        raise row.problem(f"the time {text!r} is none; write it as 2026-03-02T14:00:00Z") from None
    return text if not text or _RFC_3339.fullmatch(text) else rfc3339(at)


def _label(row: Row) -> Label:
    for label in LABELS:
        if row.cells["label"].lower() == label:
            return label
    raise row.problem(f"the label {row.cells['label']!r} is none; write {', '.join(LABELS[:-1])} or {LABELS[-1]}")


def _probability(row: Row) -> float:
    text = row.cells["inclusion_probability"]
    if not text:
        return 1.0
    value = float(text) if _NUMBER.fullmatch(text) else -1.0
    if not LEAST_CHANCE <= value <= 1:
        raise row.problem(
            f"the inclusion probability {text!r} is none; give the chance with which the image was chosen to be "
            f"reviewed, above 0 ({LEAST_CHANCE:.9f} is the least) and at most 1"
        )
    return value
