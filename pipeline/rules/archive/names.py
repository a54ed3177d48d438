"""What a segment is called: by the model and preprocessing of its rows, their day, and the record it begins with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, unquote

from pipeline.errors import StoreError
from pipeline.rules.times import in_utc

SUFFIX = ".parquet"
SEGMENTS, REVIEWS, REDECIDED, UNREADABLE = "model=", "reviews/", "redecided/", "unreadable/"
"""What the paths of objects with rows begin with."""
POLICY_SETS, ERASED = "policies/", "erased/"
"""What the paths of policy sets begin with, and of the deny list's entries."""
OFFSET_DIGITS = 20
_PATH = re.compile(
    r"model=(?P<fingerprint>[^/]+)/preprocess=(?P<preprocess>[^/]+)/day=(?P<day>\d{4}-\d\d-\d\d)"
    r"/(?P<topic>[^/]+)-(?P<partition>\d+)-(?P<start>\d+)(?:_(?P<end>\d+))?\.parquet"
)


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What the rows of one segment have in common. ``day`` is that on which they were decided, in UTC."""

    fingerprint: str
    preprocess: str
    day: date

    @property
    def folder(self) -> str:
        """In the form that other readers know as Hive partitions."""
        return f"model={_quoted(self.fingerprint)}/preprocess={_quoted(self.preprocess)}/day={self.day.isoformat()}"


@dataclass(frozen=True, slots=True)
class SegmentName:
    """A segment's identity: its group, and the record of the features topic that it begins with.

    One that was merged of others says where it ends, too, since others within that range are then void: see
    `pipeline.rules.archive.covering`. Of all others that stands in their metadata alone, and `end` is None.
    """

    group: Group
    topic: str
    partition: int
    start: int
    end: int | None = None

    @property
    def path(self) -> str:
        """Where it lies in the archive. Offsets have leading zeros, so that names sort."""
        until = "" if self.end is None else f"_{self.end:0{OFFSET_DIGITS}d}"
        return f"{self.chain}{self.start:0{OFFSET_DIGITS}d}{until}{SUFFIX}"

    @property
    def chain(self) -> str:
        """What the paths of all segments begin with that hold this group's records of this partition."""
        return f"{self.group.folder}/{self.topic}-{self.partition}-"

    def __str__(self) -> str:
        return self.path


def parse_path(path: str) -> SegmentName | None:
    """The name of the segment that lies there; None where the path is no segment's."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    group = Group(unquote(found["fingerprint"]), unquote(found["preprocess"]), day)
    start, end = int(found["start"]), None if found["end"] is None else int(found["end"])
    if end is not None and end <= start:
        return None
    return SegmentName(group, found["topic"], int(found["partition"]), start, end)


def checked_name(path: str) -> str:
    """The path of an object in an archive, as it is. Raises `StoreError` for one that could lead out of it."""
    odd = any(character < " " or character in "\\\x7f" for character in path)
    if odd or any(part in {"", ".", ".."} for part in path.split("/")):
        raise StoreError(f"{path!r} is no name in an archive")
    return path


def day_of(rfc3339: str) -> date:
    """The day in UTC of a time as decisions give it. Raises ``ValueError`` for what is none."""
    return in_utc(rfc3339).date()


def _quoted(value: str) -> str:
    return quote(value, safe="")
