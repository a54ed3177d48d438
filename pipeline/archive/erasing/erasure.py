"""Erasing from an archive: hidden at once, then every object that holds it is written anew without it.

The order makes it safe to kill at any moment and to run again, and safe beside archivers and compactors:

1. what is asked for goes on the deny list: from here on no reader shows it, and nobody takes it in;
2. all segments are searched, void ones too, and what was decided anew; the events that are found go on the list as
   well: of what is asked by hash or subject only they say which reviews are of it. That is before anything is
   rewritten, since a search that begins again after a crash would not find them any more;
3. the segments are rewritten that held any of it;
4. 2 and 3 are done again until a listing has nothing in it that was not searched. What comes later is created by
   somebody who looks at the list after that: see `pipeline.archive.keeping.gate`;
5. the same is done with reviews, and with records that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.denied import OF_REVIEWS, OF_ROWS, DenyList
from pipeline.archive.erasing.purging import Hiding, Purged, by_list, purge_rows
from pipeline.archive.erasing.searching import Held, Search, Told
from pipeline.errors import StoreAwayError, StoreError
from pipeline.ports import Store
from pipeline.rules.archive.denied import Denied, Erased, Kind, erased
from pipeline.rules.archive.names import REDECIDED, REVIEWS, SEGMENTS, UNREADABLE

NOT_ALL = (
    "not erased as a whole: it is hidden from every reader, and gone from all that can be read, but its bytes may"
    " stand in what cannot: mend this or move it away, and run this again for a receipt"
)


class Asked(NamedTuple):
    """What an erasure is asked for, in plain words; nothing of the archive holds this."""

    kind: Kind
    value: str

    @property
    def erased(self) -> Erased:
        return erased(self.kind, self.value)


@dataclass
class Found:
    """What an erasure has found, and taken out."""

    entries: list[str] = field(default_factory=list)
    """The objects of the deny list that say what is erased."""
    objects: int = 0
    bytes: int = 0
    """How much was looked through."""
    rows: int = 0
    events: int = 0
    reviews: int = 0
    unreadable: int = 0
    held: list[str] = field(default_factory=list)
    """The objects that had any of it."""
    rewritten: list[Purged] = field(default_factory=list)


def erase(store: Store, asked: Sequence[Asked], at: str, by: str, told: Told) -> Found:
    """Erase what is asked for, and return when its bytes are gone. `at` is RFC 3339.

    Raises `StoreError`, once all else is done, where something cannot be read: its bytes may stand there.
    """
    found, search, deny_list = Found(), Search(store, told), DenyList(store)
    found.entries.append(deny_list.add([each.erased for each in asked], at, by))
    while new := [*search.unseen(SEGMENTS), *search.unseen(REDECIDED)]:
        held = list(search.held(new, by_list(deny_list.load(), OF_ROWS)))
        events = [erased(Kind.EVENT, each) for one in held for each in one.events]
        if events:
            found.entries.append(deny_list.add(events, at, by))
        for one in held:
            gone = _purge(store, one, found, search, lambda: by_list(deny_list.load(), OF_ROWS))
            found.rows += gone.rows if gone else 0
            found.events += gone.events if gone else 0
    while new := search.unseen(REVIEWS):
        for one in list(search.held(new, by_list(deny_list.load(), OF_REVIEWS))):
            gone = _purge(store, one, found, search, lambda: by_list(deny_list.load(), OF_REVIEWS))
            found.reviews += gone.rows if gone else 0
    while new := search.unseen(UNREADABLE):
        for one in list(search.held(new, mentioning(asked))):
            gone = _purge(store, one, found, search, lambda: mentioning(asked))
            found.unreadable += gone.rows if gone else 0
    search.end(NOT_ALL)
    found.entries = list(dict.fromkeys(found.entries))
    found.objects, found.bytes = search.objects, search.bytes
    return found


def look(store: Store, asked: Sequence[Asked], told: Told) -> Found:
    """What `erase` would find by now. Nothing is changed. Raises `StoreError` where something cannot be read."""
    found, search = Found(), Search(store, told)
    denied, events = Denied(frozenset(each.erased for each in asked)), list[Erased]()
    for one in search.held([*search.unseen(SEGMENTS), *search.unseen(REDECIDED)], by_list(denied, OF_ROWS)):
        found.held.append(one.stored.path)
        found.rows += one.rows
        found.events += len(one.events)
        events += [erased(Kind.EVENT, each) for each in one.events]
    for one in search.held(search.unseen(REVIEWS), by_list(denied.with_more(events), OF_REVIEWS)):
        found.held.append(one.stored.path)
        found.reviews += one.rows
    for one in search.held(search.unseen(UNREADABLE), mentioning(asked)):
        found.held.append(one.stored.path)
        found.unreadable += one.rows
    search.end("not all can be looked through: mend this or move it away, and run this again")
    found.objects, found.bytes = search.objects, search.bytes
    return found


def mentioning(asked: Sequence[Asked]) -> Hiding:
    """Records that could not be read, and hold a value that is asked for, whatever it means there."""
    values = [each.value.encode("utf-8", "surrogateescape") for each in asked]

    def rows(table: pa.Table) -> NDArray[np.bool_]:
        held = (b"\n".join(_bytes_in(row)) for row in table.select(_RAW).to_pylist())
        return np.array([any(value in data for value in values) for data in held], np.bool_)

    return Hiding(_RAW, rows)


_RAW = ("key", "value", "headers")


def _bytes_in(row: dict[str, object]) -> list[bytes]:
    found: list[bytes] = []
    waiting = list(row.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, bytes):
            found.append(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _purge(store: Store, one: Held, found: Found, search: Search, hiding: Callable[[], Hiding]) -> Purged | None:
    try:
        gone = purge_rows(store, one.stored.path, hiding)
    except StoreAwayError:
        raise
    except StoreError as error:
        search.damaged.append(error)
        return None
    if gone is not None:
        found.held.append(one.stored.path)
        found.rewritten.append(gone)
    return gone
