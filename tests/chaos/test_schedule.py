"""The schedule is a pure function of the seed, and a deck meets every fault."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from tests.chaos.faults import FAULTS, KILLS
from tests.chaos.schedule import rounds

ALL = tuple(FAULTS)


def test_a_seed_repeats_its_rounds_and_what_each_fault_chooses() -> None:
    first, again = (list(islice(rounds(7, ALL), 60)) for _ in range(2))
    assert first == again
    assert first != list(islice(rounds(8, ALL), 60))
    chosen = [[strike.fault().which for played in them for strike in played] for them in (first, again)]
    assert chosen[0] == chosen[1]


def test_a_deck_has_every_fault_as_often_as_it_says() -> None:
    wanted = Counter({name: fault.in_a_deck for name, fault in FAULTS.items()})
    played: Counter[str] = Counter()
    for planned in rounds(3, ALL):
        played.update(strike.name for strike in planned)
        if played.total() >= wanted.total():
            break
    assert played == wanted


def test_faults_that_last_do_not_meet_and_kills_may_come_in_their_middle() -> None:
    some = list(islice(rounds(5, ALL), 300))
    assert all(sum(strike.name not in KILLS for strike in planned) <= 1 for planned in some)
    within = [
        (strike.after, FAULTS[planned[0].name].lasts)
        for planned in some
        for strike in planned[1:]
        if planned[0].name not in KILLS
    ]
    assert within
    assert all(0 < after < lasts for after, lasts in within)


def test_no_faults_are_no_rounds() -> None:
    assert list(rounds(1, ())) == []


@pytest.mark.parametrize("name", ALL)
def test_every_fault_says_what_it_is(name: str) -> None:
    assert FAULTS[name].name == name
    assert FAULTS[name].in_a_deck >= 1
