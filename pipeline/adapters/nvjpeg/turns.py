"""Makes calls of many threads on one device together: all that wait when the device falls free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from pipeline.rules.flow.batching import take

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class _Call(Generic[A, B]):
    argument: A
    size: int
    result: Future[B] = field(default_factory=Future)


class Turns(Generic[A, B]):
    """Callers queue up and take turns; whose turn it is works for all that wait, up to `most` of their sizes' sum.

    It has no thread of its own and no timer. `work` gets the arguments in the order in which they came and returns
    a result for each; what it raises, every caller of that turn gets.
    """

    def __init__(self, work: Callable[[Sequence[A]], Sequence[B]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[_Call[A, B]] = deque()
        self._turn = Lock()
        self._queue = Lock()

    def __call__(self, argument: A, size: int) -> B:
        """What `work` gives for one argument of that size; blocks until a turn has brought it."""
        call: _Call[A, B] = _Call(argument, size)
        with self._queue:
            self._waiting.append(call)
        while not call.result.done():
            with self._turn:
                if not call.result.done():
                    self._work_for_waiting()
        return call.result.result()

    def _work_for_waiting(self) -> None:
        with self._queue:
            count = take([call.size for call in self._waiting], self._most)
            calls = [self._waiting.popleft() for _ in range(count)]
        try:
            results = self._work([call.argument for call in calls])
            for call, result in zip(calls, results, strict=True):
                call.result.set_result(result)
        except Exception as error:  # noqa: BLE001  handed to the threads that wait
            for call in calls:
                if not call.result.done():
                    call.result.set_exception(error)
