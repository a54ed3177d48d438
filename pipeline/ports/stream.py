"""Where events come from, what a stage is, and where answers go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.items import Batch
from pipeline.wire import Answer, Record


class Stage(Protocol):
    """One step of the path. It works on the items that have not failed, drops none, and passes failed ones along."""

    name: str

    def __call__(self, batch: Batch) -> Batch:
        """Work on the batch and return it. Raises `StopError` when no item could ever get through."""


class Source(Protocol):
    """Events in, offsets out. One thread owns a source and makes every call on it."""

    def poll(self, timeout: float, most: int) -> Batch | None:
        """Wait up to `timeout` seconds for events, and bring `most` of them at most; None if there were none.

        Keeps the group membership alive.
        """

    def pause(self) -> None:
        """Let `poll` bring nothing until `resume`, also from partitions assigned meanwhile. Idempotent."""

    def resume(self) -> None:
        """Undo `pause`. Idempotent."""

    def commit(self, batch: Batch) -> None:
        """Mark the batch as done: once all before them are, its events will not be delivered to this group again.

        Batches come in any order, whole or in parts. In each partition the group's offset goes no further than the
        first event that was polled and is not done: after a crash that event and all behind it come again. What
        belongs to partitions that were taken away since is silently left out: their new owner repeats it. May hold
        the commit back for a moment; `close` and a revocation send what was held back. Raises `StopError` when the
        broker refuses for good.
        """

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Take `drain`, which gives the batches that are through, without blocking.

        When partitions are about to leave, a source that can do so waits for their events that are in flight, for a
        bounded time: it calls `drain` and commits what that gives, so that the new owner repeats nothing. It calls
        while the owning thread waits inside `poll`, on whichever thread. `drain` raises `StopError` where there is
        nothing to wait for.
        """

    def close(self) -> None:
        """Send the commits that were held back and leave the group. Idempotent."""


class Publisher(Protocol):
    """Answers out. How and where one is written is the publisher's business; it may become several records."""

    def publish(self, answers: Sequence[Answer]) -> None:
        """Return once every answer is acknowledged; raises `PublishError` when it is not.

        Raises `RefusedError` when some can never be acknowledged and all others are: the caller then publishes a
        smaller form of those. An answer that cannot be written is refused like any other.
        """

    def close(self) -> None:
        """Free the connection. Idempotent."""


class RecordWriter(Protocol):
    """Records out, whatever they say: events as well as answers."""

    def write(self, records: Sequence[Record]) -> None:
        """Return once the broker has acknowledged every record; raises `PublishError` when it has not.

        Raises `RefusedError` when some can never be acknowledged (too large for their topic, no key on a compacted
        one) and all others are. The words for each name the topic. The writer may be used again.
        """

    def close(self) -> None:
        """Free the connection. Idempotent."""
