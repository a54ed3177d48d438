"""What was decided anew of archived events: kept beside the segments, before it is published.

An object holds decisions on events of one segment, a row each. It lies below ``redecided/``, by the day of those
events, and is named as its segment is, with a number: the first is 0. A second object of that name and another ending
is made once the broker has them all. So whoever was ended between the two finds what may not have been published,
whoever decides an event once more finds its newest decision, and of two that do so at once only one goes on.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.archive import Segment
from pipeline.archive.segments import opened
from pipeline.errors import StoreError
from pipeline.ports import Store
from pipeline.rules.archive.names import REDECIDED
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Decision, decision_json, parse_decision

SCHEMA = pa.schema(
    [
        pa.field("record", pa.int64()),  # offset of the event's features record, as in its segment
        pa.field("event_id", pa.string()),
        pa.field("decision_id", pa.string()),
        pa.field("image_id", pa.string()),
        pa.field("content_sha256", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("decision", pa.binary()),  # JSON, as published
    ]
)
_PATH = re.compile(
    rf"{REDECIDED}day=(?P<day>\d{{4}}-\d\d-\d\d)/(?P<topic>[^/]+)-(?P<partition>\d+)-(?P<start>\d{{20}})"
    r"-(?P<number>\d{6})\.parquet"
)


@dataclass(frozen=True, slots=True)
class Anew:
    """A decision made anew, with what its event's rows say beside it."""

    record: int
    subject: str | None
    decision: Decision


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """An object's name; `start` is that of the segment that its events were in when they were decided anew."""

    day: date
    topic: str
    partition: int
    start: int
    number: int

    @property
    def path(self) -> str:
        return f"{_prefix(self.day, self.topic, self.partition)}{self.start:020d}-{self.number:06d}.parquet"

    @property
    def published(self) -> str:
        """The path of the object that says that the broker has all of them."""
        return self.path.removesuffix(".parquet") + ".published"


class Redecisions:
    """The decisions that were made anew in an archive."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, segment: Segment, end: int) -> list[Name]:
        """The objects with decisions on events of a segment, which ends before the record `end`, as they were made.

        Segments that were joined since have theirs together.
        """
        name = segment.name
        found = self._names(_prefix(name.group.day, name.topic, name.partition))
        return [each for each in found if name.start <= each.start < end]

    def within(self, window: Window = ALWAYS) -> list[Name]:
        """Those on events of the days that the window touches, the newest day first."""
        return sorted((each for each in self._names(REDECIDED) if window.touches(each.day)), reverse=True)

    def keep(self, segment: Segment, known: Sequence[Name], made: Sequence[Anew]) -> Name:
        """Keep these decisions, one or more, durably, beside those that are `known` of the segment.

        Raises `StoreError` where somebody else has kept some meanwhile.
        """
        of = segment.name
        number = 1 + max((each.number for each in known if each.start == of.start), default=-1)
        name = Name(of.group.day, of.topic, of.partition, of.start, number)
        if not self._store.create(name.path, _bytes_of(made)):
            raise StoreError(
                f"{self._store.address}: {name.path} is there already: another redecide is at work on {segment.path};"
                " run this one again when that has ended"
            )
        return name

    def rows(self, name: Name) -> pa.Table:
        """An object's rows. Raises `StoreError` for one that is damaged."""
        with opened(self._store.local(name.path) or self._store.open(name.path), name.path) as file:
            try:
                return file.read()
            except (pa.ArrowInvalid, OSError) as error:
                raise StoreError(f"{name.path} is damaged: {str(error).splitlines()[0]}") from error

    def is_published(self, name: Name) -> bool:
        """Whether the broker is known to have all of them."""
        return any(each.path == name.published for each in self._store.list(name.published))

    def mark_published(self, name: Name) -> None:
        """Say that the broker has all of them."""
        self._store.create(name.published, b"")

    def _names(self, prefix: str) -> list[Name]:
        parsed = (_parsed(each.path) for each in self._store.list(prefix))
        return [each for each in parsed if each is not None]


def anew(rows: pa.Table) -> Iterator[Anew]:
    """The decisions that the rows hold. Raises `msgspec.DecodeError` for one that is none."""
    columns = (rows[name].to_pylist() for name in ("record", "subject", "decision"))
    return (Anew(record, subject, parse_decision(said)) for record, subject, said in zip(*columns, strict=True))


def _bytes_of(made: Sequence[Anew]) -> bytes:
    decisions = [each.decision for each in made]
    columns = {
        "record": [each.record for each in made],
        "event_id": [each.event_id for each in decisions],
        "decision_id": [each.decision_id for each in decisions],
        "image_id": [each.image_id for each in decisions],
        "content_sha256": [each.content_sha256 for each in decisions],
        "subject": [each.subject for each in made],
        "decision": [decision_json(each) for each in decisions],
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def _prefix(day: date, topic: str, partition: int) -> str:
    return f"{REDECIDED}day={day.isoformat()}/{topic}-{partition}-"


def _parsed(path: str) -> Name | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    day = date.fromisoformat(found["day"])
    return Name(day, found["topic"], int(found["partition"]), int(found["start"]), int(found["number"]))
