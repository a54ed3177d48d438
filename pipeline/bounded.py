"""A bound on the time of calls that have none: name look-ups, and servers that answer a byte at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Outcome(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value.append(self._call())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._error = error

    def get(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return or raise what `call` does. Raises TimeoutError when it takes longer.

    The call runs on a thread of its own, which a timeout leaves behind: it must end by itself some day, and its
    outcome is then dropped.
    """
    outcome = _Outcome(call)
    thread = threading.Thread(target=outcome.run, name="sluice-bounded", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    return outcome.get()
