"""Decisions by id in an archive: those of its segments, and those that were made anew of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.archive import Archive
from pipeline.archive.denied import shown
from pipeline.archive.lookup import IDS, decisions_called, newest_first
from pipeline.archive.redecided import Name, Redecisions, anew
from pipeline.rules.times import Window
from workers.history.found import Found

Advance = Callable[[int], object]


class Search:
    """Looks for decisions in an archive, on events of a window."""

    def __init__(self, archive: Archive, window: Window) -> None:
        self._archive = archive
        self._window = window
        self._segments = newest_first(archive.segments(window))
        self._anew = Redecisions(archive.store)
        self._objects = self._anew.within(window)

    @property
    def segments(self) -> int:
        """How many segments there are to look at."""
        return len(self._segments)

    def decisions(self, name: str, advance: Advance) -> list[Found]:
        """All decisions that are called so, and all others on the same events."""
        later = list(self._made_anew({name}))
        names = {name, *(each.said.event_id for each in later)}
        first = [
            Found(each) for each in decisions_called(self._archive, self._segments, names, self._window, advance)
        ]
        return [*first, *self._made_anew({*names, *(each.said.event_id for each in first)})]

    def _made_anew(self, names: Collection[str]) -> Iterator[Found]:
        asked = pa.array(sorted(names), pa.string())
        for name in self._objects:
            rows = self._shown(name)
            meant = [pc.is_in(rows[column], value_set=asked) for column in IDS]
            chosen = rows.filter(pc.or_(pc.or_(meant[0], meant[1]), meant[2]))
            yield from (Found(each.decision) for each in anew(chosen))

    def _shown(self, name: Name) -> pa.Table:
        """What an object holds, without what is erased."""
        return shown(self._anew.rows(name), self._archive.deny_list.load())
