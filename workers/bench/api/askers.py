"""Askers side by side, each of whom waits for an answer before it asks again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock, Thread

Ask = Callable[[bytes], object]
"""Returns once the question has its answer, and raises where it has none. Called on one thread alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Seconds of each question, and of all."""

    seconds: Sequence[float]
    wall: float


def ask_all(askers: Sequence[Ask], questions: Sequence[bytes]) -> Asked:
    """Have all questions asked; each asker takes the next one when it has an answer. Raises what the first raised."""
    waiting, lock, seconds, failures = iter(questions), Lock(), list[float](), list[Exception]()

    def work(ask: Ask) -> None:
        while not failures:
            with lock:
                question = next(waiting, None)
            if question is None:
                return
            started = time.perf_counter()
            try:
                ask(question)
            except Exception as error:  # noqa: BLE001 - raised where the askers are waited for
                failures.append(error)
            seconds.append(time.perf_counter() - started)

    threads = [Thread(target=work, args=(ask,)) for ask in askers]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Asked(seconds, time.perf_counter() - began)
