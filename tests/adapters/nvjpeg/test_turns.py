"""Calls of many threads on one device: whatever waits goes together, and nobody gets another's answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from pipeline.adapters.nvjpeg.turns import Turns


class Held:
    """Work that stops at its first turn until it is let go, and notes what came together."""

    def __init__(self, answer: Callable[[int], int]) -> None:
        self.turns: list[list[int]] = []
        self.begun, self.let_go = Event(), Event()
        self._answer = answer

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.turns.append(list(numbers))
        self.begun.set()
        assert self.let_go.wait(10)
        return [self._answer(each) for each in numbers]


def queued(work: Held, pool: ThreadPoolExecutor, count: int, most: int) -> list[Future[int]]:
    """One call at work and `count` that wait behind it in order, then all let go."""
    turns = Turns(work, most)
    answers = [pool.submit(turns, 0, 1)]
    assert work.begun.wait(10)
    for number in range(1, count + 1):
        answers.append(pool.submit(turns, number, 1))
        deadline = time.monotonic() + 10
        while len(turns._waiting) < number:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    work.let_go.set()
    return answers


def test_what_waits_while_the_device_works_goes_together_next() -> None:
    work = Held(lambda number: number * 10)
    with ThreadPoolExecutor(8) as pool:
        assert [each.result() for each in queued(work, pool, 5, most=100)] == [0, 10, 20, 30, 40, 50]
    assert work.turns == [[0], [1, 2, 3, 4, 5]]


def test_no_turn_takes_more_than_the_limit() -> None:
    work = Held(lambda number: number)
    with ThreadPoolExecutor(8) as pool:
        assert [each.result() for each in queued(work, pool, 5, most=2)] == [0, 1, 2, 3, 4, 5]
    assert work.turns == [[0], [1, 2], [3, 4], [5]]


def test_what_work_raises_reaches_every_caller_of_that_turn_and_no_other() -> None:
    work = Held(lambda number: number // (number != 2))
    with ThreadPoolExecutor(8) as pool:
        answers = queued(work, pool, 4, most=3)
        assert answers[0].result() == 0
        for each in answers[1:4]:
            with pytest.raises(ZeroDivisionError):
                each.result()
        assert answers[4].result() == 4


def test_many_threads_each_get_their_own_answer() -> None:
    turns = Turns(lambda numbers: [number * number for number in numbers], most=7)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda number: turns(number, 1), range(2000))) == [n * n for n in range(2000)]
