"""The last day and the month before it, of the rows that can be compared: those of one model and preprocessing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pipeline.archive.archive import Segment
from pipeline.rules.times import Window

MONTH = 30
"""Days before the last that it is compared with."""
Kind = tuple[str, str]
"""A model's fingerprint and the preprocessing."""


@dataclass(frozen=True)
class Periods:
    """The segments of a day and of the month before it, oldest first, and what is left out of them."""

    day: date
    kind: Kind
    last: Sequence[Segment]
    before: Sequence[Segment]
    others: int
    """Segments of these days whose rows are of another model or preprocessing."""

    @property
    def window(self) -> Window:
        """The last day."""
        return day_window(self.day)


def periods(segments: Sequence[Segment], day: date | None = None, kind: Kind | None = None) -> Periods | None:
    """That day, by default the newest, and the `MONTH` days before it; None where the day has no segment.

    Of a day with rows of several kinds, those are meant that take the most bytes.
    """
    wanted = [each for each in segments if kind is None or kind_of(each) == kind]
    days = [each.name.group.day for each in wanted]
    if not days or (day is not None and day not in days):
        return None
    day = day or max(days)
    sizes = Counter[Kind]()
    for each in wanted:
        if each.name.group.day == day:
            sizes[kind_of(each)] += each.stored.bytes
    kind = max(sorted(sizes), key=sizes.__getitem__)
    within = [each for each in segments if day - timedelta(MONTH) <= each.name.group.day <= day]
    mine = sorted((each for each in within if kind_of(each) == kind), key=lambda each: each.path)
    last = [each for each in mine if each.name.group.day == day]
    before = [each for each in mine if each.name.group.day < day]
    return Periods(day, kind, last, before, len(within) - len(mine))


def day_window(day: date) -> Window:
    """From its start to its end, in UTC."""
    since = datetime.combine(day, time(), UTC).timestamp()
    return Window(since, since + timedelta(days=1).total_seconds())


def kind_of(segment: Segment) -> Kind:
    return segment.name.group.fingerprint, segment.name.group.preprocess
