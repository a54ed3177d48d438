"""Lines that repeat are let through up to a number in a window, and the others are counted, whenever they come."""

from __future__ import annotations

import threading

import pytest

from tests.services.deadline import until
from workers.process import floods
from workers.process.floods import FloodGate


class Time:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """And nobody is woken by the real one."""
    monkeypatch.setattr(floods, "Timer", lambda *_: threading.Thread(target=lambda: None))
    return Time()


def test_the_first_of_each_kind_pass_and_the_next_window_begins_anew(time: Time) -> None:
    gate, told = FloodGate(2, 10.0, time), []
    assert [gate.lets_through("a", told.append) for _ in range(4)] == [True, True, False, False]
    assert gate.lets_through("b", told.append)
    time.now = 10.0
    assert gate.lets_through("a", told.append)
    assert told == [2]
    time.now = 20.0
    assert gate.lets_through("a", told.append)
    assert told == [2], "a window in which nothing was held back is nothing to tell"


def test_a_flood_that_has_ended_is_told_of_without_another_line() -> None:
    gate, told = FloodGate(1, 0.2), []
    for _ in range(5):
        gate.lets_through("a", told.append)
    until(lambda: told == [4], 60, lambda: str(told))
    assert gate.lets_through("a", told.append)


def test_what_is_held_back_at_the_end_is_told_once(time: Time) -> None:
    gate, told = FloodGate(1, 10.0, time), []
    for kind in "aab":
        gate.lets_through(kind, told.append)
    gate.close()
    gate.close()
    assert told == [1]


def test_so_many_kinds_that_memory_would_grow_are_one_kind(time: Time) -> None:
    gate, told = FloodGate(1, 10.0, time), []
    passed = [gate.lets_through(number, told.append) for number in range(10 * floods.KINDS)]
    assert sum(passed) == floods.KINDS + 1
    time.now = 10.0
    assert gate.lets_through("fresh", told.append)
    gate.close()
    assert sum(told) == 9 * floods.KINDS - 1


def test_one_who_tells_and_fails_is_no_matter_of_who_logs(time: Time) -> None:
    gate = FloodGate(1, 10.0, time)

    def fail(count: int) -> None:
        raise RuntimeError(count)

    gate.lets_through("a", fail)
    gate.lets_through("a", fail)
    time.now = 10.0
    assert gate.lets_through("a", fail)


def test_no_line_is_counted_twice_or_not_at_all_by_many_threads() -> None:
    gate, told, passed = FloodGate(3, 0.05), [], []

    def speak() -> None:
        passed.extend(gate.lets_through("a", told.append) for _ in range(2000))

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    gate.close()
    until(lambda: sum(passed) + sum(told) == 8000, 60, lambda: f"{sum(passed)} + {sum(told)}")
