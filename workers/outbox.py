"""What is to reach a broker sometime, written on a thread of its own: nobody waits for a broker that is away."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from threading import Condition, Thread
from typing import Generic, TypeVar

from pipeline.errors import PublishError, ServiceError
from pipeline.ports import RecordWriter

LEAVING = 5.0
"""Seconds that the last of it may take to be written when the process ends."""
T = TypeVar("T")


class Outbox(Generic[T]):
    """Has things written in the order in which they were put in, and goes on trying while the broker is away."""

    def __init__(
        self,
        connect: Callable[[], RecordWriter],
        write: Callable[[RecordWriter, Sequence[T]], None],
        waits: Callable[[str], object],
        *,
        pause: float,
        most: int,
        at_once: int = 1,
        name: str,
    ) -> None:
        """`most` may wait; `write` gets up to `at_once` of them, the oldest first.

        Where `connect` or `write` raises `PublishError` or `ServiceError`, the same is tried again after `pause`
        seconds; `waits` is told why when it begins to. All three are called on that thread, which begins with the
        first thing that is put in.
        """
        self.trouble = ""
        """Why things wait; nothing while all is well."""
        self._connect = connect
        self._write = write
        self._waits = waits
        self._pause = pause
        self._most = most
        self._at_once = at_once
        self._waiting: deque[T] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def put(self, thing: T) -> bool:
        """Have it written soon; False where too many wait already."""
        with self._changed:
            if len(self._waiting) >= self._most:
                return False
            self._waiting.append(thing)
            if self._thread.ident is None:
                self._thread.start()
            self._changed.notify()
        return True

    def close(self) -> Sequence[T]:
        """Write what waits, if a broker takes it within a few seconds; returns what it has not taken. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(LEAVING)
        with self._changed:
            left = [*self._waiting]
            self._waiting.clear()
        return left

    def _run(self) -> None:
        while self._next():
            try:
                with closing(self._connect()) as writer:
                    while things := self._next():
                        self._write(writer, things)
                        self._written(len(things))
            except (PublishError, ServiceError) as error:
                if self._ends_before_next_try(str(error)):
                    return

    def _next(self) -> Sequence[T]:
        """What is to be written next; nothing once it is closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return [*islice(self._waiting, self._at_once)]

    def _written(self, count: int) -> None:
        with self._changed:
            self.trouble = ""
            for _ in range(min(count, len(self._waiting))):
                self._waiting.popleft()

    def _ends_before_next_try(self, why: str) -> bool:
        with self._changed:
            if not self.trouble:
                self._waits(why)
            self.trouble = why
            return self._changed.wait_for(lambda: self._closed, self._pause)
