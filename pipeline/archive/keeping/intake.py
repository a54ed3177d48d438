"""What comes out of the archiver's topics, sorted into the chains that keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import msgspec

from pipeline.archive.keeping.unreadable import Unreadable
from pipeline.archive.rows import Kept
from pipeline.rules.archive.chain import ChainName
from pipeline.rules.archive.logs import log_name
from pipeline.rules.archive.names import REVIEWS, UNREADABLE, Group, day_of
from pipeline.rules.archive.remembered import HALF
from pipeline.signals import REGION
from pipeline.wire import (
    LEAST_CHANCE,
    Event,
    FeaturesRecord,
    PolicySetPart,
    PolicySetRecord,
    parse_archive_record,
    parse_review,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A record, and the chain that it goes into. What stands in one file has one `shape`."""

    kind: str
    chain: ChainName
    value: Any
    rows: int = 1
    shape: int = 0
    event_id: str | None = None
    """By which a repeat is known."""


_INT32, _INT64 = 2**31 - 1, 2**63 - 1

OfPolicies = PolicySetRecord | PolicySetPart
Sort = Callable[[Event], Taken | OfPolicies]
"""Sorts a record of one topic. Raises ``ValueError`` for one that cannot be read."""


def features(event: Event) -> Taken | OfPolicies:
    """A record of the features topic."""
    record = parse_archive_record(event.value or b"")
    if not isinstance(record, FeaturesRecord):
        return record
    views, decision = check(record), record.decision
    at = decision.decided_at
    folder = _folder(decision.model.fingerprint, decision.preprocess, at[:10], at[-1:]) or _folder_of(record)
    chain = _chain(folder, event)
    kept = Kept(event.offset, record)
    return Taken("features", chain, kept, views, record.dimension, decision.event_id or None)


def review(event: Event) -> Taken:
    """A record of the reviews topic."""
    said = parse_review(event.value or b"")
    if not LEAST_CHANCE <= said.inclusion_probability <= 1:
        raise ValueError(f"the inclusion probability is {said.inclusion_probability}, not from {LEAST_CHANCE:g} to 1")
    folder = f"{REVIEWS}day={day_of(said.at).isoformat()}"
    return Taken("reviews", _chain(folder, event), (event.offset, said))


def unreadable(event: Event, reason: str) -> Taken:
    """A record that cannot be read, to be put aside as it came."""
    chain = _chain(f"{UNREADABLE}day={_written_on(event).isoformat()}", event)
    return Taken("unreadable", chain, Unreadable(event, reason))


def check(record: FeaturesRecord) -> int:
    """How many views a record has. Raises ``ValueError`` where its parts do not fit each other or a segment."""
    views, gap = divmod(len(record.regions), REGION.itemsize)
    first, second = record.first_look, len(record.turned)
    if gap or record.dimension < 1 or len(record.features) != views * record.dimension * HALF.itemsize:
        held = f"{len(record.features)} bytes of features, {len(record.regions)} of regions"
        raise ValueError(f"{held}, for {record.dimension} numbers a view")
    if not 0 < first <= views == first + second:
        raise ValueError(f"{views} views, of which {first} of a first look and {second} of a second")
    decision = record.decision
    if not (0 <= record.unseen <= _INT32 and 0 <= decision.source.partition <= _INT32):
        raise ValueError(f"{record.unseen} frames unseen, partition {decision.source.partition}")
    if abs(decision.source.offset) > _INT64:
        raise ValueError(f"offset {decision.source.offset}")
    for at in (decision.event_time, decision.decided_at):
        datetime.fromisoformat(at)
    return views


def why(error: Exception) -> str:
    """A line that says why a record cannot be read."""
    kind = "no record of this topic" if isinstance(error, msgspec.DecodeError) else "it does not fit together"
    return f"{kind}: {error}"[:500]


def _chain(folder: str, event: Event) -> ChainName:
    return ChainName(folder, log_name(event.topic, event.topic_id), event.partition)


@lru_cache(maxsize=64)
def _folder(fingerprint: str, preprocess: str, day: str, zone: str) -> str | None:
    """The folder of a group whose day stands in its times as they are, which end in Z."""
    return Group(fingerprint, preprocess, date.fromisoformat(day)).folder if zone == "Z" else None


def _folder_of(record: FeaturesRecord) -> str:
    decision = record.decision
    return Group(decision.model.fingerprint, decision.preprocess, day_of(decision.decided_at)).folder


def _written_on(event: Event) -> date:
    """The day of the record's own time; the first of 1970 where that is none."""
    try:
        return datetime.fromtimestamp(max(event.timestamp, 0.0), UTC).date()
    except (ValueError, OverflowError, OSError):
        return date(1970, 1, 1)
