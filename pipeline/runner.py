"""Stages joined by short bounded queues, so that they overlap.

While one batch is on the device, the next is being decoded and the last is being published. Threads, queues and
joining live here and nowhere else.

::

    feed -> [queue] -> section 1 -> [queue] -> section 2 -> ... -> [done] -> drain

A section is a run of stages on one thread. Before each waits one batch that is still growing: what comes after joins
it, up to `max_batch` events, so that a section that falls free takes whatever is waiting by then. A batch that finds
no room waits in the section before; when there is none left before the first, the caller stops polling, and that is
the only backpressure there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread

from pipeline.errors import StopError
from pipeline.items import Batch
from pipeline.ports import Hooks, Stage


class Runner:
    """Batches come out in the order in which they went in. One thread calls `feed`, `drain`, `wait` and `close`."""

    def __init__(
        self,
        sections: Sequence[Sequence[Stage]],
        hooks: Hooks,
        clock: Callable[[], float],
        *,
        max_batch: int,
    ) -> None:
        self._hooks = hooks
        self._clock = clock
        self._max_batch = max_batch
        self._queues: list[deque[Batch]] = [deque() for _ in range(len(sections) + 1)]
        self._names = [*("+".join(stage.name for stage in section) for section in sections), "done"]
        self._inside: deque[Batch] = deque()
        self._changed = Condition()
        self._closing = False
        self._ended = [False] * len(sections)
        self._failure: BaseException | None = None
        self._threads = [
            Thread(target=self._work, args=(index, section), name=f"sluice-{self._names[index]}", daemon=True)
            for index, section in enumerate(sections)
        ]
        for thread in self._threads:
            thread.start()

    def room(self) -> int:
        """How many events `feed` may bring now."""
        with self._changed:
            return max(0, self._max_batch - sum(map(len, self._queues[0])))

    def feed(self, batch: Batch) -> None:
        """Take a batch in, where it may join the one that waits; does not block, so ask for `room` first."""
        with self._changed:
            self._inside.append(batch)
            if not self._joins(0, batch):
                self._queues[0].append(batch)
            self._tell_depth(0)
            self._changed.notify_all()

    def drain(self) -> list[Batch]:
        """The batches that are through, oldest first. Raises what a stage raised, as `StopError`."""
        with self._changed:
            if self._failure is not None:
                raise _stop(self._failure)
            done = list(self._queues[-1])
            self._queues[-1].clear()
            if done:
                self._hooks.queue_depth(self._names[-1], 0)
            for _ in done:
                self._inside.popleft()
            return done

    def wait(self, timeout: float) -> None:
        """Block until there is room, something to drain or a failure, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(self._has_news, timeout)

    def oldest(self) -> float | None:
        """`polled_at` of the batch that has been inside the longest; None when nothing is inside."""
        with self._changed:
            return self._inside[0].polled_at if self._inside else None

    def close(self, timeout: float) -> list[Batch]:
        """Let what is inside finish, join the threads, and return what came out.

        Raises `StopError` when a stage failed or `timeout` seconds were not enough; what is inside then stays
        uncommitted and will be delivered again.
        """
        deadline = self._clock() + timeout
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
        done = self.drain()
        if any(thread.is_alive() for thread in self._threads):
            raise StopError(f"batches were still inside after {timeout:g} s; they will be delivered again")
        return done

    def abandon(self, timeout: float) -> None:
        """Let go of what is inside and join the threads, each after the stage that it is in; harmless once closed.

        A thread that were still in a native library while the process ends would bring it down with an abort.
        """
        with self._changed:
            self._failure = self._failure or StopError("abandoned")
            self._changed.notify_all()
        deadline = self._clock() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))

    def _has_news(self) -> bool:
        return self.room() > 0 or bool(self._queues[-1]) or self._failure is not None

    def _work(self, index: int, section: Sequence[Stage]) -> None:
        try:
            while (batch := self._take(index)) is not None:
                for stage in section:
                    started = self._clock()
                    batch = stage(batch)
                    self._hooks.stage_done(stage.name, self._clock() - started, len(batch))
                self._put(index + 1, batch)
            with self._changed:
                self._ended[index] = True
                self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that drains
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify_all()

    def _take(self, index: int) -> Batch | None:
        """The next batch for a section; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queues[index]) or self._ends(index))
            if self._failure is not None or not self._queues[index]:
                return None
            batch = self._queues[index].popleft()
            self._tell_depth(index)
            self._changed.notify_all()
            return batch

    def _put(self, index: int, batch: Batch) -> None:
        """Hand a batch on: into the one that waits there, or after it has been taken; what is done never waits."""
        last = index == len(self._queues) - 1
        with self._changed:
            if last or not self._joins(index, batch):
                self._changed.wait_for(lambda: last or not self._queues[index] or self._failure is not None)
                self._queues[index].append(batch)
            self._tell_depth(index)
            self._changed.notify_all()

    def _joins(self, index: int, batch: Batch) -> bool:
        """Whether the batch that waits there took this one in; it is then no longer inside by itself."""
        waiting = self._queues[index]
        if not waiting or len(waiting[-1]) + len(batch) > self._max_batch or not waiting[-1].absorb(batch):
            return False
        self._inside.remove(batch)
        return True

    def _tell_depth(self, index: int) -> None:
        self._hooks.queue_depth(self._names[index], len(self._queues[index]))

    def _ends(self, index: int) -> bool:
        """Whether nothing can reach this section any more."""
        if self._failure is not None:
            return True
        return self._ended[index - 1] if index else self._closing


def _stop(error: BaseException) -> StopError:
    if isinstance(error, StopError):
        return error
    stop = StopError(f"{type(error).__name__}: {error}")
    stop.__cause__ = error
    return stop
