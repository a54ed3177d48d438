"""A store that stops before each of its calls, so that a test says who goes on: threads in an order of its choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock, Semaphore, Thread
from typing import BinaryIO

from pipeline.ports import Store, Stored


class KilledError(BaseException):
    """What is raised in an actor that is killed; nothing in it catches this."""


class Actor:
    """A function in a thread of its own, which makes one step, a call of its store, whenever it is told to."""

    def __init__(self, act: Callable[[Store], object], store: Store) -> None:
        self._go, self._paused, self._one = Semaphore(0), Semaphore(0), Lock()
        self._killed, self.done, self.raised = False, False, list[Exception]()
        self._thread = Thread(target=self._run, args=(act, Stepped(store, self._step)))
        self._thread.start()
        self._paused.acquire()

    def step(self) -> None:
        """Let it make its next call, and wait until it is before the one after that, or done."""
        if not self.done:
            self._go.release()
            self._paused.acquire()

    def kill(self) -> None:
        """Let it make no call any more."""
        self._killed = True
        while not self.done:
            self.step()
        self._thread.join()

    def finish(self) -> None:
        """Let it go on to its end."""
        while not self.done:
            self.step()
        self._thread.join()
        if self.raised:
            raise self.raised[0]

    def _run(self, act: Callable[[Store], object], store: Store) -> None:
        try:
            act(store)
        except KilledError:
            pass
        except Exception as error:  # noqa: BLE001 - `finish` raises it where the test looks
            self.raised.append(error)
        self.done = True
        self._paused.release()

    def _step(self) -> None:
        with self._one:
            self._paused.release()
            self._go.acquire()
            if self._killed:
                raise KilledError


class Stepped:
    """A `Store` that asks before each call whether to go on."""

    def __init__(self, store: Store, step: Callable[[], None]) -> None:
        self._store, self._step = store, step
        self.address = store.address

    def create(self, path: str, data: bytes) -> bool:
        self._step()
        return self._store.create(path, data)

    def replace(self, path: str, data: bytes, version: str | None = None) -> bool:
        self._step()
        return self._store.replace(path, data, version)

    def read(self, path: str) -> bytes:
        self._step()
        return self._store.read(path)

    def open(self, path: str) -> BinaryIO:
        self._step()
        return self._store.open(path)

    def local(self, path: str) -> str | None:
        return self._store.local(path)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        self._step()
        return self._store.list(prefix)

    def delete(self, path: str) -> None:
        self._step()
        self._store.delete(path)

    def close(self) -> None:
        self._store.close()


def play(actors: Sequence[Actor], order: Sequence[int]) -> None:
    """Let the actors step in that order, and whoever is left go on to the end, the first of them first."""
    for turn in order:
        actors[turn % len(actors)].step()
    for actor in actors:
        actor.finish()
