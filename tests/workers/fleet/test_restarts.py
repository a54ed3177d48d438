"""When a process that died is started again: at once, then later and later, up to a minute."""

from __future__ import annotations

import signal

import pytest

from workers import cli
from workers.fleet.restarts import EXIT_USAGE, PAUSES, PROVEN, Restarts, exit_status

KILLED = -signal.SIGKILL


def test_a_process_that_dies_is_started_again_at_once() -> None:
    assert Restarts().died(KILLED, 30.0) == 0


def test_early_deaths_in_a_row_are_answered_with_growing_pauses_up_to_a_minute_for_ever() -> None:
    restarts = Restarts()
    pauses = [restarts.died(KILLED, 1.0) for _ in range(100)]
    assert pauses[:8] == [0, 1, 2, 4, 8, 16, 32, 60]
    assert set(pauses[8:]) == {60}


def test_after_some_of_them_somebody_should_look() -> None:
    restarts = Restarts()
    found = []
    for _ in range(6):
        restarts.died(KILLED, 1.0)
        found.append(restarts.keeps_dying)
    assert found == [False] * 4 + [True] * 2
    restarts.died(KILLED, PROVEN)
    assert not restarts.keeps_dying


def test_a_process_that_has_lived_long_begins_anew() -> None:
    restarts = Restarts()
    for _ in PAUSES:
        restarts.died(1, 1.0)
    assert restarts.died(1, PROVEN) == 0
    assert [restarts.died(1, 1.0) for _ in range(4)] == [0, 1, 2, 4]
    assert restarts.deaths == len(PAUSES) + 5


def test_one_that_dies_now_and_then_is_never_given_up() -> None:
    restarts = Restarts()
    assert {restarts.died(KILLED, PROVEN + day) for day in range(100)} == {0}


def test_one_whose_every_start_was_a_mistake_has_never_worked() -> None:
    restarts = Restarts()
    assert not restarts.never_worked
    for _ in range(3):
        restarts.died(EXIT_USAGE, 3.0)
        assert restarts.never_worked


@pytest.mark.parametrize(("status", "lived"), [(KILLED, 3.0), (1, 3.0), (EXIT_USAGE, PROVEN)])
def test_one_that_died_otherwise_or_has_lived_once_is_no_mistake(status: int, lived: float) -> None:
    """Later the same status may be a broker that is away for a while."""
    restarts = Restarts()
    restarts.died(status, lived)
    for _ in range(3):
        restarts.died(EXIT_USAGE, 3.0)
        assert not restarts.never_worked


def test_the_status_of_a_mistake_is_that_of_the_command_line() -> None:
    assert EXIT_USAGE == cli.EXIT_USAGE


@pytest.mark.parametrize(("returncode", "status"), [(2, 2), (70, 70), (KILLED, 137)])
def test_the_supervisor_ends_as_the_process_did(returncode: int, status: int) -> None:
    assert exit_status(returncode) == status
