"""How a segment comes into an archive: never with what is erased, and never twice.

**Erasure.** An erasure first puts what it names on the deny list, then lists the segments and rewrites those that
hold it. A segment is created between two looks at that list: the first, before, decides which rows go in. Let an
erasure put its entry at any moment. If that is before the first look, the rows are left out. If it is after the
segment was created, the erasure's listing, which is later still, finds the segment. What remains is an entry that
comes between the two: the second look, after, sees it, and the segment is rewritten here. A process that is
killed between creating and the second look leaves rows that no reader is shown; whoever comes to write the same
records again finds the name taken, and looks in its place. Rewriting replaces only the version that was read
(`purge`), so two who rewrite undo nothing of each other.

**Names.** A segment is named by the first record that its group has, whether or not that record is erased, since two
writers may know of different erasures.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.archive.denied import OF_ROWS, DenyList
from pipeline.archive.purging import purge
from pipeline.archive.rows import Kept
from pipeline.archive.segments import segment_bytes
from pipeline.ports import Store
from pipeline.rules.archive.names import SegmentName


class Gate:
    """Where segments come in. Used by one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deny_list = DenyList(store)

    def create(self, name: SegmentName, kept: Sequence[Kept], end: int, *, dimension: int | None = None) -> int:
        """Create a segment of these records, as `segment_bytes`, and return its size; 0 where that name is taken.

        In either case nothing stands there, on return, that was erased before the call. Raises `StoreError`.
        """
        denied = self._deny_list.load()
        data = segment_bytes(name, kept, end, denied, dimension=dimension)
        made = self._store.create(name.path, data)
        if not made or self._deny_list.load() is not denied:
            self.check(name.path)
        return len(data) if made else 0

    def check(self, path: str) -> None:
        """Take out of a segment what is erased by now. Its writer may have died before it did so itself."""
        purge(self._store, self._deny_list, path, OF_ROWS)
