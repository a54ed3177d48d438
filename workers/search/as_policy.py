"""What was searched for, kept as a policy in shadow mode: its thresholds come from what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import UsageError
from workers.policies.written import place_for, policy_text, title_of, write_new
from workers.search.record import Asked, Record

LEAST, MOST = 0.25, 0.9
"""Bounds of the threshold. Below the one much is found by chance; above the other one picture says too little of the
next."""


def check_name(folder: Path, name: str, asked: Asked) -> Path:
    """Where the policy will lie. Raises `UsageError` where it cannot, before a search begins."""
    if not asked.by_words:
        raise UsageError("--as-policy: a policy is made of words; say what the pictures show")
    return place_for(folder, name, _text(asked, LEAST, []), f"--as-policy {name}")


def threshold(record: Record) -> float:
    """The score of the last line that was found, rounded down, within `LEAST` and `MOST`."""
    last = record.found[-1].score if record.found else LEAST
    return min(max(math.floor(last * 100) / 100, LEAST), MOST)


def write(path: Path, record: Record) -> None:
    """Write the policy file. Raises `UsageError` where one has come there meanwhile, or nothing can be written."""
    write_new(path, text_of(record, "`sluice search --as-policy`"))


def text_of(record: Record, by: str) -> bytes:
    """The policy file; `by` says what has written it."""
    return _text(record.asked, threshold(record), [_written(by), *_comments(record)])


def _text(asked: Asked, least: float, comments: list[str]) -> bytes:
    return policy_text(asked.words, asked.unless, least, title=title_of(asked.words), comments=comments)


def _written(by: str) -> str:
    return f"Written by {by}. In shadow mode it is scored and reported, and acts on nothing."


def _comments(record: Record) -> Iterator[str]:
    since = "" if record.asked.since is None else f" decided since {_time(record.asked.since)}"
    found = record.found
    if not found:
        yield f"Nothing like it was among {record.images:,} images{since} in {record.asked.archive}: the nearest had"
        yield f"a score of {record.best or 0:.3g}. The threshold is the least that is worth a look, {LEAST:g}."
        return
    yield f"It comes from {len(found)} of {record.images:,} images{since} in {record.asked.archive}, with scores of"
    yield f"{found[0].score:.3f} down to {found[-1].score:.3f}. The threshold is the last of them, rounded down, but"
    yield f"{LEAST:g} at least and {MOST:g} at most. Set it by `sluice policy calibrate` once there are reviews."


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
