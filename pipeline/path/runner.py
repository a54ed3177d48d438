"""Stages joined by short bounded queues, so that they overlap.

While one batch is on the device, the next is being decoded and the last is being published. Threads, queues, joining
and splitting live here and nowhere else.

::

    feed -> [waiting] -> section 1 -> [waiting] -> section 2 -> ... -> [done] -> drain

A section is a run of stages (see `topology`). Before each section waits one batch that is still growing: later
batches join it, up to `max_batch` views. A thread of the section that falls free takes its share of what waits by
then, and never waits for the section's other threads; what they finish goes on in the order in which it was taken.
Where a section gathers, a thread that took little adds what came while it was in the first stage.
What finds no room ahead stays where it is, and holds back its section once that is `max_batch` views. When there is
no room left before the first section, or what is inside holds `max_bytes`, the caller stops polling; there is no
other backpressure.

Room is counted in views, because memory is spent on pixels. An event counts for one view until it is decoded, and an
image that alone has more than `max_batch` waits as a batch of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from threading import Condition, Lock, Thread

from pipeline.errors import StopError
from pipeline.items import Batch
from pipeline.path.running import Part, Running
from pipeline.path.topology import Section
from pipeline.ports import Hooks, Stage

MAX_BYTES = 512 * 1024 * 1024
"""Bytes that the events inside may hold together; those of the last poll come on top."""


class Runner:
    """Items come out in the order in which they went in. One thread calls `feed`, `drain`, `wait` and `close`."""

    def __init__(
        self,
        sections: Sequence[Section],
        stages: Sequence[Stage],
        hooks: Hooks,
        clock: Callable[[], float],
        *,
        max_batch: int,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Start the threads. Raises ``ValueError`` unless the `sections` name each of the `stages` once."""
        self._hooks = hooks
        self._max_bytes = max_bytes
        self._clock = clock
        self._max_batch = max_batch
        self._lock = Lock()
        named = _by_name(stages, sections)
        self._sections = [Running(section, named, self._lock) for section in sections]
        self._done: deque[Batch] = deque()
        self._news = Condition(self._lock)
        self._space = Condition(self._lock)
        self._closing = False
        self._failure: BaseException | None = None
        self._bytes = 0
        self._threads = [
            Thread(target=self._work, args=(index,), name=f"sluice-{section.name}", daemon=True)
            for index, section in enumerate(self._sections)
            for _ in range(section.threads)
        ]
        for thread in self._threads:
            thread.start()

    def room(self) -> int:
        """How many events `feed` may bring now, `max_batch` at most: what to poll for."""
        with self._lock:
            return self._room()

    def feed(self, batch: Batch) -> None:
        """Take a batch in, where it may join the one that waits; does not block, so ask for `room` first."""
        with self._lock:
            self._admit(batch)

    def push(self, batch: Batch) -> None:
        """Feed from any thread; blocks until there is room. Raises `StopError` when the path has ended."""
        with self._lock:
            self._space.wait_for(lambda: self._room() > 0 or self._ended())
            if self._ended():
                raise StopError("the path has ended; what was on its way there will be delivered again")
            self._admit(batch)

    @property
    def bytes(self) -> int:
        """Bytes that the events inside hold together, their images included."""
        return self._bytes

    def drain(self) -> list[Batch]:
        """The batches that are through, oldest first. Raises what a stage raised, as `StopError`."""
        with self._lock:
            if self._failure is not None:
                raise _stop(self._failure)
            done = list(self._done)
            self._done.clear()
            self._bytes -= sum(item.weight for batch in done for item in batch.items)
            self._space.notify_all()
        if done:
            self._hooks.queue_depth("done", 0)
        return done

    def wait(self, timeout: float, *, for_room: bool = True) -> None:
        """Block until there is room where that is waited for, something to drain or a failure.

        At most `timeout` seconds. Who could not use room must not wait for it: it may be there all the time.
        """

        def news() -> bool:
            return bool(self._done) or self._failure is not None or (for_room and self._room() > 0)

        with self._lock:
            self._news.wait_for(news, timeout)

    def oldest(self) -> float | None:
        """`polled_at` of the batch that has been inside the longest; None when nothing is inside."""
        with self._lock:
            inside = chain(self._done, *(section.batches() for section in reversed(self._sections)))
            return next((batch.polled_at for batch in inside), None)

    def close(self, timeout: float) -> list[Batch]:
        """Let what is inside finish, join the threads, and return what came out.

        Raises `StopError` when a stage failed or `timeout` seconds were not enough; what is inside then stays
        uncommitted and will be delivered again.
        """
        with self._lock:
            self._closing = True
            self._wake_all()
        self._join(timeout)
        done = self.drain()
        if any(thread.is_alive() for thread in self._threads):
            raise StopError(f"batches were still inside after {timeout:g} s; they will be delivered again")
        return done

    def abandon(self, timeout: float) -> None:
        """Give up what is inside and join the threads, each after the stage that it is in; harmless once closed.

        A thread that is still in a native library while the process ends would bring it down with an abort.
        """
        self._fail(StopError("abandoned"))
        self._join(timeout)

    def _join(self, timeout: float) -> None:
        deadline = self._clock() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))

    def _work(self, index: int) -> None:
        try:
            first, *others = self._sections[index].stages
            while (part := self._take(index)) is not None:
                part.batch = self._through(first, part.batch)
                while (more := self._gathered(index, part)) is not None:
                    part.batch.absorb(self._through(first, more))
                for stage in others:
                    part.batch = self._through(stage, part.batch)
                self._finish(index, part)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that drains
            self._fail(error)

    def _through(self, stage: Stage, batch: Batch) -> Batch:
        started = self._clock()
        done = stage(batch)
        self._hooks.stage_done(stage.name, self._clock() - started, len(done))
        return done

    def _take(self, index: int) -> Part | None:
        """The next part for a thread of a section; None when there will be no more."""
        section = self._sections[index]
        with self._lock:
            section.idle += 1
            section.wake.wait_for(lambda: section.ready(self._max_batch) or self._ends(index))
            section.idle -= 1
            if self._failure is not None or not section.waiting:
                return None
            part = section.take()
            self._made_room(index)
            return part

    def _gathered(self, index: int, part: Part) -> Batch | None:
        """What a thread takes as well that is through the first stage with a part; None where it goes on with it."""
        section = self._sections[index]
        if not section.gathers:
            return None
        with self._lock:
            if self._failure is not None or not section.ready(self._max_batch):
                return None
            more = section.gather(part)
            if more is not None:
                self._made_room(index)
            return more

    def _made_room(self, index: int) -> None:
        """Tell whoever waits for room before a section that something was taken there."""
        self._hooks.queue_depth(self._sections[index].name, len(self._sections[index].waiting))
        if index:
            self._advance(index - 1)
        else:
            self._news.notify()
            self._space.notify_all()

    def _finish(self, index: int, part: Part) -> None:
        with self._lock:
            part.through = True
            self._advance(index)
            if self._closing:
                self._wake_all()

    def _advance(self, index: int) -> None:
        """Hand on what is through, oldest first, as much as there is room for ahead."""
        section = self._sections[index]
        while section.inside and section.inside[0].through:
            batch = section.inside[0].batch
            fitting = self._room_for(batch, index + 1)
            if fitting < len(batch):
                if fitting:
                    self._enter(index + 1, batch.split(fitting))
                break
            section.inside.popleft()
            self._enter(index + 1, batch)
        if section.waiting:
            section.wake.notify()

    def _room_for(self, batch: Batch, index: int) -> int:
        """How many items of a batch have room before a section; after the last section all have."""
        if index == len(self._sections):
            return len(batch)
        waiting = self._sections[index].waiting
        if not waiting:
            return batch.within(self._max_batch) or min(1, len(batch))
        return batch.within(self._max_batch - waiting[-1].views) if waiting[-1].can_absorb(batch) else 0

    def _enter(self, index: int, batch: Batch) -> None:
        """Put a batch before a section. It joins the one that waits there where that is allowed."""
        if index == len(self._sections):
            self._done.append(batch)
            self._hooks.queue_depth("done", len(self._done))
            self._news.notify()
            return
        section = self._sections[index]
        if section.waiting and section.waiting[-1].can_absorb(batch) and (not index or self._room_for(batch, index)):
            section.waiting[-1].absorb(batch)
        else:
            section.waiting.append(batch)
        self._hooks.queue_depth(section.name, len(section.waiting))
        section.wake.notify(len(batch))

    def _room(self) -> int:
        room = max(0, self._max_batch - sum(map(len, self._sections[0].waiting)))
        return room if self._bytes < self._max_bytes else 0

    def _admit(self, batch: Batch) -> None:
        self._bytes += sum(item.weigh() for item in batch.items)
        self._enter(0, batch)

    def _ended(self) -> bool:
        return self._closing or self._failure is not None

    def _ends(self, index: int) -> bool:
        """Whether nothing can reach this section any more."""
        if self._failure is not None:
            return True
        return self._closing and not any(section.waiting or section.inside for section in self._sections[:index])

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error
            self._wake_all()

    def _wake_all(self) -> None:
        self._news.notify()
        self._space.notify_all()
        for section in self._sections:
            section.wake.notify_all()


def _by_name(stages: Sequence[Stage], sections: Sequence[Section]) -> dict[str, Stage]:
    wanted = [name for section in sections for name in section.stages]
    if sorted(stage.name for stage in stages) != sorted(wanted):
        raise ValueError(f"sections of {wanted} cannot be made of {[stage.name for stage in stages]}")
    return {stage.name: stage for stage in stages}


def _stop(error: BaseException) -> StopError:
    if isinstance(error, StopError):
        return error
    stop = StopError(f"{type(error).__name__}: {error}")
    stop.__cause__ = error
    return stop
