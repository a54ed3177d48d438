"""Looking through the objects of an archive for rows, until there is none that was not looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa

from pipeline.archive.erasing.purging import Hiding, found_in
from pipeline.archive.segments import opened
from pipeline.errors import StoreAwayError, StoreChangedError, StoreError
from pipeline.ports import Store, Stored
from pipeline.rules.archive.names import SUFFIX

_AT_ONCE = 4
"""Objects that are searched at the same time: while a bucket is waited for, another one is looked through."""

Told = Callable[[int, int], object]
"""Told how many objects more there are to look at than was known, and how many more were looked at."""


class Held(NamedTuple):
    """An object that has such rows."""

    stored: Stored
    rows: int
    events: list[str]
    """The ids of the events that they are of."""


class Search:
    """Remembers what it has looked at, and in which version."""

    def __init__(self, store: Store, told: Told) -> None:
        self._store, self._told = store, told
        self._seen: set[tuple[str, str]] = set()
        self._paths: set[str] = set()
        self.bytes = 0
        self.damaged: list[StoreError] = []
        """What is said of each object that cannot be read: the search goes on without it, and `end` tells."""

    @property
    def objects(self) -> int:
        """How many were looked at, however often."""
        return len(self._paths)

    def unseen(self, prefix: str) -> list[Stored]:
        """The Parquet objects below that are there by now and were not looked at as they are."""
        listed = [each for each in self._store.list(prefix) if each.path.endswith(SUFFIX)]
        new = [each for each in listed if (each.path, each.version) not in self._seen]
        self._seen.update((each.path, each.version) for each in new)
        self._told(len(new), 0)
        return new

    def end(self, said: str) -> None:
        """Raise `StoreError` where anything could not be read: what that means, and a line for each object."""
        if self.damaged:
            raise StoreError(said, *dict.fromkeys(line for each in self.damaged for line in each.lines))

    def held(self, objects: Sequence[Stored], meant: Hiding) -> Iterator[Held]:
        """Those that have rows that are meant. One that goes meanwhile is left out, and is unseen."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for found in pool.map(lambda stored: self._look(stored, meant), objects):
                if found is not None and found.rows:
                    yield found

    def _look(self, stored: Stored, meant: Hiding) -> Held | None:
        rows, events = 0, []
        try:
            with opened(self._store.local(stored.path) or self._store.open(stored.path), stored.path) as file:
                for found in found_in(file, meant, "event_id"):
                    rows += len(found)
                    ids = found["event_id"] if "event_id" in found.column_names else []
                    events += [each.as_py() for each in ids if each.is_valid]
        except (FileNotFoundError, StoreChangedError):
            self._seen.discard((stored.path, stored.version))
            return None
        except StoreAwayError:
            raise
        except StoreError as error:
            self.damaged.append(error)
            return None
        except (pa.ArrowInvalid, OSError) as error:
            self.damaged.append(StoreError(f"{stored.path} is damaged: {str(error).splitlines()[0]}; move it away"))
            return None
        self._paths.add(stored.path)
        self.bytes += stored.bytes
        self._told(0, 1)
        return Held(stored, rows, list(dict.fromkeys(events)))
