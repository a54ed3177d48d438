"""What a selection becomes: the text of a policy, the lines of a list, reviews."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.rules.known.csv_file import COLUMNS
from pipeline.rules.reviews.recording import identified
from pipeline.wire import Label, Review
from workers.console.search.result import Result
from workers.policies.written import check_id, place_for
from workers.search.as_policy import text_of
from workers.terminal.plain import one_line

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")
BY = "a search of the console"


def policy_of(result: Result, name: str, folder: Path) -> tuple[Path, bytes]:
    """The place and the text of a policy in shadow mode. Raises `UsageError` for what cannot be one."""
    if not result.record.asked.by_words:
        raise UsageError("a policy is made of words: search by words, and choose among what they find")
    check_id(name, "the name")
    text = text_of(result.record, BY)
    return place_for(folder, name, text, name), text


def list_of(result: Result, note: str, expires: str) -> bytes:
    """A CSV file for `lists:`: the sha256 of each picture. Raises `UsageError` for a day that is none, or over."""
    _check_day(expires)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    said = one_line(note)[:200].lstrip("=+-@ ")  # a spreadsheet would take it for a formula
    for digest in dict.fromkeys(each.nearby.content_sha256 for each in result.hits):
        writer.writerow(["sha256", digest, "", said, expires])
    return out.getvalue().encode()


def reviews_of(result: Result, policy: str, label: Label, reviewer: str, at: str) -> list[Review]:
    """A review of each picture; `at` is RFC 3339. Each stands for itself: they were searched for, not drawn."""
    return [
        identified(
            Review(
                review_id="",
                event_id=each.event_id,
                image_id=each.nearby.image_id,
                policy=policy,
                label=label,
                at=at,
            ),
            reviewer,
            at,
        )
        for each in result.hits
    ]


def checked(name: str) -> str:
    """A name that can be one of a list's file. Raises `UsageError`."""
    if not NAME.fullmatch(name):
        raise UsageError("a name is of a-z, 0-9, - and _, such as glass-bottles; name it so")
    return name


def _check_day(expires: str) -> None:
    """Raises `UsageError` unless it is empty, or a day from today on: the last, in UTC, on which entries count."""
    if not expires:
        return
    try:
        day = date.fromisoformat(expires)
    except ValueError:
        day = date.min
    if day.isoformat() != expires or day == date.min:
        raise UsageError(f"expires {expires}: that is no day; write it as 2027-01-31")
    if day < datetime.now(UTC).date():
        raise UsageError(f"expires {expires}: that day is over, and no entry of the list would count")
