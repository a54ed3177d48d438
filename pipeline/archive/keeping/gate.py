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
writers may know of different erasures. A name may be free again because its segment was merged into a larger one. Who
comes late and takes it has written nothing that counts, and is told so: a merged segment was there before the name
was free, so a listing after the creation shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import pyarrow as pa

from pipeline.archive.denied import OF_ROWS, DenyList, hidden
from pipeline.archive.erasing.purging import purge
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.ports import Store
from pipeline.rules.archive.covering import cover_of
from pipeline.rules.archive.denied import Denied, Kind, erased
from pipeline.rules.archive.names import parse_path
from pipeline.wire import rfc3339


class Gate:
    """Where files with rows come in. Used by one thread."""

    def __init__(
        self, store: Store, hooks: ArchiveHooks | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._hooks = hooks or ArchiveHooks()
        self._deny_list = DenyList(store)
        self._clock = clock

    def create(self, path: str, make: Callable[[Denied], bytes], kinds: Collection[Kind] = OF_ROWS) -> int:
        """Create what `make` makes without what is denied by such kinds, and return its size; 0 where that is taken.

        In either case nothing stands there, on return, that was erased before the call. Raises `StoreError`.
        """
        denied = self._deny_list.load()
        data = make(denied)
        made = self._store.create(path, data)
        if not made or self._deny_list.load() is not denied:
            gone = purge(self._store, self._deny_list, path, kinds)
            self._hooks.purged(gone.rows if gone else 0)
        return len(data) if made and not self._merged(path) else 0

    def deny_events(self, rows: pa.Table) -> None:
        """Put those events on the list whose hash or subject is on it, before they are left out.

        Of their reviews, which may come at any time, nothing else would say that they are of what is erased.
        """
        denied = self._deny_list.load()
        gone = hidden(rows, denied, (Kind.SHA256, Kind.SUBJECT))
        events = {erased(Kind.EVENT, each) for each in rows["event_id"].filter(pa.array(gone)).to_pylist() if each}
        if not denied.entries.issuperset(events):
            self._deny_list.add(events, rfc3339(self._clock()), "archiver")

    def _merged(self, path: str) -> bool:
        name = parse_path(path)
        if name is None:
            return False
        listed = (parse_path(each.path) for each in self._store.list(name.chain))
        return cover_of(name, (each for each in listed if each is not None)) is not None
