"""When a process that died is started again: at once, then later and later, then no more."""

from __future__ import annotations

import signal

import pytest

from workers import cli
from workers.fleet.restarts import EXIT_USAGE, PAUSES, PROVEN, Restarts, exit_status

KILLED = -signal.SIGKILL


def test_a_process_that_dies_is_started_again_at_once() -> None:
    assert Restarts().died(KILLED, 30.0) == 0


def test_early_deaths_in_a_row_are_answered_with_growing_pauses_and_then_not_at_all() -> None:
    restarts = Restarts()
    pauses = [restarts.died(KILLED, 1.0) for _ in range(5)]
    assert pauses == [0, 1, 2, 4, None]
    assert list(PAUSES) == sorted(PAUSES)


def test_a_process_that_has_lived_long_begins_anew() -> None:
    restarts = Restarts()
    for _ in PAUSES:
        restarts.died(1, 1.0)
    assert restarts.died(1, PROVEN) == 0
    assert [restarts.died(1, 1.0) for _ in range(5)] == [0, 1, 2, 4, None]
    assert restarts.deaths == 10


def test_one_that_dies_now_and_then_is_never_given_up() -> None:
    restarts = Restarts()
    assert {restarts.died(KILLED, PROVEN + day) for day in range(100)} == {0}


def test_a_mistake_at_the_first_start_is_not_tried_again() -> None:
    assert Restarts().died(EXIT_USAGE, 3.0) is None


def test_later_the_same_status_may_be_a_broker_that_is_away_for_a_while() -> None:
    restarts = Restarts()
    restarts.died(KILLED, 300.0)
    assert restarts.died(EXIT_USAGE, 3.0) == 0


def test_the_status_of_a_mistake_is_that_of_the_command_line() -> None:
    assert EXIT_USAGE == cli.EXIT_USAGE


@pytest.mark.parametrize(("returncode", "status"), [(2, 2), (70, 70), (KILLED, 137), (0, 1)])
def test_the_supervisor_ends_as_the_process_did_and_never_well(returncode: int, status: int) -> None:
    assert exit_status(returncode) == status
