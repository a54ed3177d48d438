"""One partition on its way into the archive: its records in order, its chains, and what is done with."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator

import structlog

from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.intake import OfPolicies, Sort, Taken, unreadable, why
from pipeline.archive.keeping.kinds import Create
from pipeline.archive.keeping.listed import kept_before, kept_in
from pipeline.archive.keeping.open_files import OpenFile
from pipeline.archive.policy_sets import keep_policy_set, keep_policy_set_part
from pipeline.items import Batch, Item
from pipeline.ports import Store
from pipeline.rules.archive.names import parse_path
from pipeline.rules.archive.repeats import Repeats
from pipeline.wire import Event, PolicySetPart, PolicySetRecord

_log = structlog.get_logger(__name__)


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
        self._topic_id = ""
        self._open: dict[str, OpenFile] = {}
        self._repeats: Repeats | None = None
        self._next = 0
        """One past the last record that was taken."""
        self._generation = -1
        self._undone: deque[tuple[int, array[int]]] = deque()
        """The records that were taken and are not done with, by the generation in which they came."""
        self._done: list[Batch] = []

    def take(self, event: Event, generation: int, now: float) -> None:
        """The next record, which may be one again that was taken before the partition went and came back."""
        if (generation, event.topic_id) != (self._generation, self._topic_id):
            self._begun_anew(event)
            self._generation, self._topic_id = generation, event.topic_id
            self._undone.append((generation, array("q")))
        taken = self._sorted(event)
        if isinstance(taken, PolicySetPart):
            keep_policy_set_part(self._store, taken)
        elif isinstance(taken, PolicySetRecord):
            if keep_policy_set(self._store, taken):
                self._hooks.policies_kept()
        else:
            self._put(event, taken, now)
        self._undone[-1][1].append(event.offset)
        self._next = event.offset + 1

    def open(self) -> Iterator[OpenFile]:
        """What no file holds yet."""
        return (each for each in self._open.values() if each.chain)

    def write(self, each: OpenFile) -> None:
        """Make files of what is open, until it is all in files."""
        while each.chain:
            path = each.write(self._next)
            if path is not None:
                self._learn(path)

    def done(self) -> list[Batch]:
        """The records before the first that no file holds, in batches to commit; each record once."""
        self._settle()
        done, self._done = self._done, []
        return done

    def _settle(self) -> None:
        durable = min((each.chain.start for each in self.open()), default=self._next)
        while self._undone:
            generation, offsets = self._undone[0]
            count = bisect_left(offsets, durable)
            if count:
                bare = (Event(self._topic, self._number, offset, None, None) for offset in offsets[:count])
                self._done.append(Batch([Item(event) for event in bare], generation=generation))
                del offsets[:count]
            if offsets or len(self._undone) == 1:
                return
            self._undone.popleft()

    def _begun_anew(self, event: Event) -> None:
        """The group shared its partitions out anew, or the topic was made anew.

        Where the partition went meanwhile, others have written of it. One that goes on where it was has been read
        without a gap, whoever owned it, and all holds that is known of it.
        """
        if event.offset != self._next or event.topic_id != self._topic_id:
            for each in list(self.open()):
                self.write(each)
            self._settle()
            self._open, self._repeats, self._next = {}, None, event.offset

    def _sorted(self, event: Event) -> Taken | OfPolicies:
        try:
            return self._sort(event)
        except ValueError as error:
            return unreadable(event, why(error))

    def _put(self, event: Event, taken: Taken, now: float) -> None:
        each = self._open.get(taken.chain.folder) or self._looked_up(event, taken)
        if each.must_end(event.offset, taken):
            self.write(each)
        if each.chain.covers(event.offset):
            self._hooks.left_out("kept", 1)
            return
        repeats, event_id = self._repeats, taken.event_id
        repeat = repeats is not None and event_id is not None and repeats.is_repeat(event.offset, event_id)
        each.tell(event, taken, now, keep=not repeat)
        if repeat:
            self._hooks.left_out("repeat", 1)
        elif taken.kind == "unreadable":
            self._hooks.unreadable(event.topic)
            _log.error("record_unreadable", record=str(event), reason=taken.value.reason, kept_in=taken.chain.folder)

    def _looked_up(self, event: Event, taken: Taken) -> OpenFile:
        """The chain, of which this is the first record that has come to us, with the files that it has by now."""
        if taken.event_id and self._repeats is None:
            self._repeats = self._restored(event.offset, taken)
        found = OpenFile(taken.kind, taken.chain, self._store, self._create, self._hooks)
        for path in found.look(event.offset):
            self._learn(path)
        self._open[taken.chain.folder] = found
        return found

    def _restored(self, offset: int, taken: Taken) -> Repeats:
        repeats = Repeats(self._window)
        name = parse_path(taken.chain.path(offset))
        if name is not None:
            repeats.known(kept_before(self._store, taken.chain, offset, self._window, name.group.day))
        return repeats

    def _learn(self, path: str) -> None:
        """Know the events of a segment that another wrote, some of which may be ahead of us."""
        if self._repeats is not None and parse_path(path) is not None:
            self._repeats.known(kept_in(self._store, path, self._next - self._window))
