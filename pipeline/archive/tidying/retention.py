"""Days that are past the retention leave the archive, whole: their segments, then what else is of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from pipeline.ports import Store, Stored
from pipeline.rules.archive.names import REDECIDED, REVIEWS, SEGMENTS, UNREADABLE

_DAY = re.compile(r"(?:^|/)day=(\d{4}-\d\d-\d\d)/")


class Retired(NamedTuple):
    """What left."""

    objects: int
    bytes: int


def retire(store: Store, before: date) -> Retired:
    """Remove every object of a day before that one. What is of no day stays: the deny list, and policy sets."""
    gone = [
        stored for prefix in (SEGMENTS, REDECIDED, REVIEWS, UNREADABLE) for stored in _of_days(store, prefix, before)
    ]
    for stored in gone:
        store.delete(stored.path)
    return Retired(len(gone), sum(stored.bytes for stored in gone))


def _of_days(store: Store, prefix: str, before: date) -> Iterator[Stored]:
    for stored in store.list(prefix):
        found = _DAY.search(stored.path)
        if found is None:
            continue
        try:
            day = date.fromisoformat(found[1])
        except ValueError:
            continue
        if day < before:
            yield stored
