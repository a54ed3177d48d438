"""A file to be: the records of one chain that no file holds yet, and how it is made."""

from __future__ import annotations

import time

from pipeline.archive.files import standing_at, standing_from
from pipeline.archive.keeping.held import Held, HeldRows, HeldValues
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.intake import Taken
from pipeline.archive.keeping.kinds import Create
from pipeline.ports import Store
from pipeline.rules.archive.chain import Chain, ChainName, Extent
from pipeline.wire import Event


class OpenFile:
    """Records of one group of one partition. Every call that writes may raise `StoreError`, and may be made again."""

    def __init__(self, kind: str, name: ChainName, store: Store, create: Create, hooks: ArchiveHooks) -> None:
        self.kind = kind
        self.name = name
        self.chain = Chain()
        self.since = 0.0
        """When the oldest record came, on the clock."""
        self.rows = self.value_bytes = 0
        self._newest = 0.0
        self._shape = 0
        self._held: Held = HeldValues()
        self._store = store
        self._create = create
        self._hooks = hooks

    def look(self, offset: int) -> list[str]:
        """Look which files the chain has from that record on, and return their paths."""
        files = standing_from(self._store, self.name, offset)
        self.chain = Chain(each.extent for each in files)
        return [each.path for each in files]

    def must_end(self, offset: int, taken: Taken) -> bool:
        """Whether a file has to be made of what is open before this record can be told."""
        return bool(self.chain) and (self._shape != taken.shape or self.chain.must_end(offset))

    def tell(self, event: Event, taken: Taken, now: float, *, keep: bool) -> None:
        """The next record that no file holds."""
        if not self.chain:
            self.since, self._shape, self.rows, self.value_bytes = now, taken.shape, 0, 0
            self._held = HeldRows(taken.shape) if self.kind == "features" else HeldValues()
        self.chain.tell(event.offset)
        self._newest = event.timestamp
        if keep:
            self._held.add(event.offset, taken.value)
            self.rows += taken.rows
            self.value_bytes += len(event.value or b"")

    def write(self, end: int) -> str | None:
        """Make a file of all that was told, of which the last stands before `end`.

        Where one holds the first of them already, what that holds is left out instead; returns its path, and there
        may be more to write.
        """
        held, began = self._held, time.monotonic()
        extent = Extent(self.chain.start, end)
        size = self._create(self.kind, self.name, extent, held.whole())
        if size:
            self.chain.written()
            seconds = time.monotonic() - began
            self._hooks.written(self.kind, held.events, self.rows, size, self._newest, seconds)
            return None
        found = standing_at(self._store, self.name, extent.start)
        if found is None:
            return None  # it has left with its day since
        held.drop_before(found.extent.end)
        self.chain.taken(found.extent)
        self._hooks.taken_by_another(self.kind)
        return found.path
