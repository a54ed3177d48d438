"""One partition on its way into the archive: its records in order, its chains, and what is done with."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from pipeline.archive.files import standing_at, standing_from
from pipeline.archive.hooks import ArchiveHooks
from pipeline.archive.intake import Sort, Taken, unreadable, why
from pipeline.archive.kinds import Create
from pipeline.archive.listed import kept_in, kept_since
from pipeline.archive.policy_sets import keep_policy_set
from pipeline.items import Batch, Item
from pipeline.ports import Store
from pipeline.rules.archive.chain import Chain, ChainName, Extent
from pipeline.rules.archive.names import parse_path
from pipeline.rules.archive.repeats import Repeats
from pipeline.wire import Event, PolicySetRecord

_log = structlog.get_logger(__name__)


@dataclass
class Open:
    """Records of one group that no file holds yet."""

    kind: str
    name: ChainName
    chain: Chain[Taken]
    shape: int
    since: float
    """When the oldest of them came, on the clock."""
    rows: int = 0
    value_bytes: int = 0
    newest: float = 0.0


class Partition:
    """One partition of one topic, since it came to us.

    `take` and `write` go to the store, and may raise `StoreAwayError` at any point: nothing has then been done that
    the same call, made again, would not go on with.
    """

    def __init__(
        self, topic: str, number: int, sort: Sort, store: Store, create: Create, hooks: ArchiveHooks, window: int
    ) -> None:
        self._topic = topic
        self._number = number
        self._sort = sort
        self._store = store
        self._create = create
        self._hooks = hooks
        self._window = window
        self._forget()
        self._next = 0
        """One past the last record that was taken."""
        self._generation = -1
        self._untold: deque[tuple[int, Item]] = deque()
        """What was taken and is not done with, and the generation it came in; without the values."""
        self._done: list[Batch] = []

    def take(self, item: Item, generation: int, now: float) -> None:
        """The next record, which may be one again that was taken before the partition went and came back."""
        event = item.event
        if generation != self._generation:
            self._came_back(event.offset)
            self._generation = generation
        taken = self._sorted(event)
        if isinstance(taken, PolicySetRecord):
            if keep_policy_set(self._store, taken):
                self._hooks.policies_kept()
        elif taken is not None:
            self._put(event, taken, now)
        size = len(event.value or b"")
        item.event = Event(event.topic, event.partition, event.offset, None, None)
        self._untold.append((generation, item))
        self._next = event.offset + 1
        self._hooks.taken(1, size)

    def open(self) -> Iterator[Open]:
        """What no file holds yet."""
        return (each for each in self._open.values() if each.chain)

    def write(self, each: Open) -> None:
        """Make files of what is open, until it is all in files."""
        while each.chain:
            self._write_one(each)
        each.rows = each.value_bytes = 0

    def done(self) -> list[Batch]:
        """The records before the first that no file holds, in batches to commit; each record once."""
        self._settle()
        done, self._done = self._done, []
        return done

    def _settle(self) -> None:
        durable = min((each.chain.start for each in self.open()), default=self._next)
        while self._untold and self._untold[0][1].event.offset < durable:
            generation, item = self._untold.popleft()
            if not self._done or self._done[-1].generation != generation:
                self._done.append(Batch(generation=generation))
            self._done[-1].items.append(item)

    def _forget(self) -> None:
        self._open: dict[str, Open] = {}
        self._repeats: Repeats | None = None

    def _came_back(self, offset: int) -> None:
        """The group shared its partitions out anew. Where this one went meanwhile, others have written of it.

        A partition that goes on where it was has been read without a gap, whoever owned it, and all holds that is
        known of it.
        """
        if offset != self._next:
            for each in list(self.open()):
                self.write(each)
            self._settle()
            self._forget()

    def _sorted(self, event: Event) -> Taken | PolicySetRecord | None:
        try:
            return self._sort(event)
        except ValueError as error:
            return unreadable(event, why(error))

    def _put(self, event: Event, taken: Taken, now: float) -> None:
        each = self._opened(event, taken, now)
        chain = each.chain
        if chain and (each.shape != taken.shape or chain.must_end(event.offset)):
            self.write(each)
        if chain.covers(event.offset):
            self._hooks.left_out("kept", 1)
            return
        if not chain:
            each.since, each.shape = now, taken.shape
        if self._is_repeat(event, taken):
            chain.tell(event.offset)
            self._hooks.left_out("repeat", 1)
            return
        chain.tell(event.offset, taken)
        each.rows += taken.rows
        each.value_bytes += len(event.value or b"")
        each.newest = event.timestamp
        if taken.kind == "unreadable":
            self._hooks.unreadable(event.topic)
            _log.error("record_unreadable", record=str(event), reason=taken.value.reason, kept_in=taken.chain.folder)

    def _opened(self, event: Event, taken: Taken, now: float) -> Open:
        found = self._open.get(taken.chain.folder)
        if found is None:
            if taken.event_id and self._repeats is None:
                self._repeats = self._restored(event.offset, taken.chain)
            files = standing_from(self._store, taken.chain, event.offset)
            for file in files:
                self._learn(taken.kind, file.path)
            found = Open(taken.kind, taken.chain, Chain(file.extent for file in files), taken.shape, now)
            self._open[taken.chain.folder] = found
        return found

    def _restored(self, offset: int, chain: ChainName) -> Repeats:
        repeats = Repeats(self._window)
        name = parse_path(chain.path(offset))
        if name is not None:
            repeats.known(kept_since(self._store, self._topic, self._number, offset - self._window, name.group.day))
        return repeats

    def _is_repeat(self, event: Event, taken: Taken) -> bool:
        if self._repeats is None or not taken.event_id:
            return False
        return self._repeats.is_repeat(event.offset, taken.event_id)

    def _learn(self, kind: str, path: str) -> None:
        """Know the events of a file that another wrote, some of which may be ahead of us."""
        if kind == "features" and self._repeats is not None:
            self._repeats.known(kept_in(self._store, path, self._next - self._window))

    def _write_one(self, each: Open) -> None:
        """Make the next file, or find it made, and go on behind it."""
        name, chain = each.name, each.chain
        kept = chain.kept
        began = time.monotonic()
        values = [taken.value for taken in kept]
        size = self._create(each.kind, name, Extent(chain.start, self._next), each.shape, values)
        if size:
            chain.written()
            rows, seconds = sum(taken.rows for taken in kept), time.monotonic() - began
            self._hooks.written(each.kind, len(kept), rows, size, each.newest, seconds)
        else:
            found = standing_at(self._store, name, chain.start)
            if found is None:
                return  # it has left with its day since
            self._learn(each.kind, found.path)
            chain.taken(found.extent)
            self._hooks.taken_by_another(each.kind)
