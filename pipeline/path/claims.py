"""The lane of claim checks, beside the path of an image and not in it.

A claim check is fetched here before it enters the path, so that a store that is slow, or away, holds up neither the
images that came inline nor the claims for other stores. A fetched image enters the path when there is room.

::

    claims -> [waiting, by host] -> threads -> path

A claim that cannot be fetched enters the path as a failed item, and leaves it as a dead letter. A claim whose store
is away waits for it; the commits of its partition wait with it, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition, Thread

import structlog

from pipeline.errors import ItemError, Reason, RetryError, StopError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks
from pipeline.rules.claims import store_of
from pipeline.rules.flow.hosts import Hosts, Pending
from pipeline.wire import parse_claim

FETCH = "fetch"
"""The stage that failures here name: it does the same work for claims where there is no lane."""
_log = structlog.get_logger(__name__)
_Work = tuple[Item, float, int, int]
"""An item, with `polled_at` and `generation` of the batch that it came in, and the bytes that its event holds."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of events that may wait: a claim check is small, and yet a stranger's may be as large as a record."""


class ClaimLane:
    """Fetches claim checks on `threads` of its own; half of them at most ask one host. Safe to share between threads.

    `redeem` fills an item's image, or raises `RetryError` where its store is away and anything else where the claim
    is at fault. `deliver` takes what is fetched or has failed; it blocks while the path has no room, and raises
    `StopError` once the path has ended. `may_fetch` is told how many fetches are under way, and says whether there is
    memory for one more image. At most `most` claims wait here, of `MOST_BYTES`, and none waits much longer than
    `patience` seconds for a host that is away.
    """

    def __init__(
        self,
        redeem: Callable[[Item], None],
        deliver: Callable[[Batch], None],
        may_fetch: Callable[[int], bool],
        hooks: Hooks,
        clock: Callable[[], float],
        *,
        threads: int,
        most: int,
        patience: float,
    ) -> None:
        self._redeem = redeem
        self._deliver = deliver
        self._may_fetch = may_fetch
        self._hooks = hooks
        self._clock = clock
        self._most = most
        self._changed = Condition()
        self._hosts: Hosts[_Work] = Hosts(max(1, threads // 2), patience)
        self._ended = False
        self._running = self._held = 0
        self._threads = [Thread(target=self._work, name=f"sluice-claims-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def room(self) -> int:
        """How many claims `add` may bring now."""
        with self._changed:
            return max(0, self._most - self._hosts.waiting) if self._held < MOST_BYTES else 0

    def add(self, batch: Batch) -> Batch:
        """Take claims in, and return those that cannot be read as claim checks, each failed."""
        unreadable = Batch([], batch.polled_at, batch.generation)
        with self._changed:
            for item in batch.items:
                host = _host(item)
                if host is None:
                    unreadable.items.append(item)
                else:
                    held = item.weigh()
                    self._held += held
                    self._hosts.add(host, (item, batch.polled_at, batch.generation, held), self._clock())
            self._changed.notify_all()
            self._tell()
        return unreadable

    def wake(self) -> None:
        """Let the threads see whether there is memory for another image by now, where any claim waits for that.

        Called for every batch that is through: sixteen threads that wake to find nothing cost 0.3 ms of CPU.
        """
        with self._changed:
            if self._hosts.waiting:
                self._changed.notify_all()

    def away(self) -> dict[str, float]:
        """The hosts that claims wait for because they do not answer, and for how many seconds they have not."""
        with self._changed:
            return self._hosts.away(self._clock())

    def idle(self) -> bool:
        """Whether no claim waits here or is being fetched."""
        with self._changed:
            return not (self._hosts.waiting or self._running)

    def finish(self, timeout: float) -> None:
        """Wait, at most `timeout` seconds, until every claim whose host answers is delivered; then begin no more.

        What still waits is never committed, so Kafka delivers it again. A fetch that is under way ends by itself.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not (self._running or self._hosts.busy()), timeout)
        self.end()

    def end(self) -> None:
        """Begin no more fetches. Idempotent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (pending := self._take()) is not None:
            held = 0
            try:
                for through in self._asked(pending):
                    item, polled_at, generation, weight = through.work
                    self._deliver(Batch([item], polled_at, generation))
                    held += weight
            except StopError:
                return  # the path has ended
            with self._changed:  # only now: until it is delivered, its image counts as one that is being fetched
                self._running -= 1
                self._held -= held
                self._changed.notify_all()

    def _take(self) -> Pending[_Work] | None:
        """The next claim to ask for; None when there will be no more."""
        with self._changed:
            while not self._ended:
                now = self._clock()
                if self._may_fetch(self._running) and (pending := self._hosts.take(now)) is not None:
                    self._running += 1
                    return pending
                self._changed.wait(self._hosts.due_in(now))
            return None

    def _asked(self, pending: Pending[_Work]) -> Sequence[Pending[_Work]]:
        """Ask for the image. Returns what to deliver: this claim, or, where its store is away, those given up on."""
        item = pending.work[0]
        try:
            self._redeem(item)
        except RetryError as error:
            with self._changed:
                if pending.host not in self._hosts.away(self._clock()):
                    _log.warning("claim_store_away", host=pending.host, error=str(error), event_at=str(item.event))
                given_up = self._hosts.failed(pending, self._clock())
                self._tell()
            for each in given_up:
                waited = self._clock() - each.since
                each.work[0].fail(FETCH, RetryError(error.reason, f"{error} (given up after {waited:.0f} s)"))
            return given_up
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's failure
            item.fail(FETCH, error)
        with self._changed:
            if pending.host in self._hosts.away(self._clock()):
                _log.info("claim_store_back", host=pending.host)
            self._hosts.answered(pending, self._clock())
            self._tell()
        return [pending]

    def _tell(self) -> None:
        self._hooks.claims(self._hosts.waiting + self._hosts.running, len(self._hosts.away(self._clock())))


def _host(item: Item) -> str | None:
    """The store that the item's claim names; None where it is no claim check, and the item has failed."""
    try:
        item.claim = parse_claim(item.event.value or b"")
        return store_of(item.claim.uri)
    except ValueError as error:
        item.fail(FETCH, ItemError(Reason.MALFORMED_CLAIM, f"not a claim check: {error}"))
        return None
