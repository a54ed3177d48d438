"""Claim checks by host: one that is slow or away costs the others nothing, and none waits for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.flow.hosts import FIRST_PAUSE, LONGEST_PAUSE, TRIES, Hosts, Pending


def hosts(*claims: tuple[str, str], most: int = 2, patience: float = 100.0) -> Hosts[str]:
    made: Hosts[str] = Hosts(most, patience)
    for host, work in claims:
        made.add(host, work, 0.0)
    return made


def taken(made: Hosts[str], now: float = 0.0) -> Pending[str]:
    pending = made.take(now)
    assert pending is not None
    return pending


def test_hosts_take_turns_and_none_gets_more_than_its_share() -> None:
    made = hosts(*[("slow", f"s{n}") for n in range(5)], ("other", "o0"), ("other", "o1"))
    assert [taken(made).work for _ in range(4)] == ["s0", "o0", "s1", "o1"]
    assert made.take(0.0) is None
    assert made.waiting == 3


def test_a_host_that_is_away_is_tried_by_one_claim_at_growing_pauses_and_the_others_wait() -> None:
    made = hosts(("store", "a"), ("store", "b"), most=1)
    now, tries = 0.0, list[float]()
    while now < 80:
        if (pending := made.take(now)) is not None:
            tries.append(now)
            assert made.take(now) is None, "one at a time"
            assert made.failed(pending, now) == []
        now += 0.5
    assert tries == [0, 1, 3, 7, 15, 31, 61]
    assert made.away(80.0) == {"store": 80.0}
    assert made.waiting == 2
    assert tries[-1] - tries[-2] == LONGEST_PAUSE


def test_claims_that_fail_together_are_one_failure_of_their_host() -> None:
    made = hosts(*[("store", f"s{n}") for n in range(8)], most=8)
    together = [taken(made) for _ in range(8)]
    for pending in together:
        made.failed(pending, 0.0)
    assert made.due_in(0.0) == FIRST_PAUSE


def test_all_go_on_at_once_when_the_host_answers_again() -> None:
    made = hosts(("store", "a"), ("store", "b"), ("store", "c"))
    made.failed(taken(made), 0.0)
    assert made.due_in(0.25) == FIRST_PAUSE - 0.25
    made.answered(taken(made, 1.0), 1.0)
    assert made.away(1.0) == {}
    assert made.due_in(1.0) is None
    assert {taken(made, 1.0).work, taken(made, 1.0).work} == {"c", "a"}


def test_other_hosts_go_on_meanwhile() -> None:
    made = hosts(("away", "a"), ("well", "w"))
    made.failed(taken(made), 0.0)
    pending = taken(made, 0.1)
    assert pending.work == "w"
    made.answered(pending, 0.2)


def test_a_claim_that_fails_alone_is_given_up_after_a_few_tries() -> None:
    """Its host answers the others, so waiting for the host would mend nothing."""
    made = hosts(("store", "broken"), *[("store", f"good{n}") for n in range(9)], most=1)
    now, given_up = 0.0, list[str]()
    for _ in range(40):
        now += FIRST_PAUSE
        if (pending := made.take(now)) is None:
            continue
        if pending.work == "broken":
            given_up += [each.work for each in made.failed(pending, now)]
        else:
            made.answered(pending, now)
    assert given_up == ["broken"]
    assert made.waiting == 0
    assert TRIES > 1


def test_what_has_waited_for_too_long_is_given_up_and_what_came_later_is_not() -> None:
    made = hosts(("store", "a"), ("store", "b"), patience=10.0)
    made.add("store", "late", 8.0)
    now, given_up = 0.0, list[str]()
    while not given_up:
        if (pending := made.take(now)) is not None:
            given_up = [each.work for each in made.failed(pending, now)]
        now += 0.5
    assert sorted(given_up) == ["a", "b"]
    assert now < 10 + 2 * 10
    assert made.waiting == 1


def test_a_host_that_nothing_waits_for_leaves_nothing_behind() -> None:
    made = hosts()
    for number in range(1000):
        made.add(f"host{number}", "x", 0.0)
        made.answered(taken(made), 0.0)
    assert not made._hosts
    assert not made.busy()


def test_a_claim_is_given_up_at_its_last_try_and_not_before() -> None:
    made = hosts(("store", "broken"), ("store", "good"))
    broken, good = taken(made), taken(made)
    assert made.failed(broken, 0.0) == []
    made.answered(good, 0.5)
    for attempt in range(2, TRIES):
        assert made.failed(taken(made, float(attempt)), float(attempt)) == []
    assert made.failed(taken(made, 90.0), 90.0) == [broken]


def test_how_long_a_host_has_not_answered_counts_from_its_first_failure() -> None:
    made = hosts(("store", "a"))
    made.failed(taken(made, 5.0), 5.0)
    made.failed(taken(made, 7.0), 7.0)
    assert made.away(12.0) == {"store": 7.0}
    assert made.away(5.0) == {"store": 0.0}


def test_a_host_that_has_answered_begins_with_the_first_pause_again() -> None:
    made = hosts(("store", "a"))
    made.failed(taken(made), 0.0)
    made.failed(taken(made, 1.0), 1.0)
    assert made.due_in(1.0) == 2 * FIRST_PAUSE
    made.add("store", "b", 2.0)
    made.answered(taken(made, 3.0), 3.0)
    made.failed(taken(made, 4.0), 4.0)
    assert made.due_in(4.0) == FIRST_PAUSE


def test_what_has_waited_for_just_as_long_as_one_may_is_given_up() -> None:
    made = hosts(("store", "a"), patience=1.0)
    assert made.failed(taken(made, 0.0), 0.0) == []
    assert [each.work for each in made.failed(taken(made, 1.0), 1.0)] == ["a"]
    assert made.waiting == 0


def test_patience_counts_from_when_the_host_went_away_and_not_from_when_the_clock_began() -> None:
    made: Hosts[str] = Hosts(2, 10.0)
    made.add("store", "a", 90.0)
    for now in (99.0, 101.0):
        assert made.failed(taken(made, now), now) == []


def test_it_is_busy_while_anything_is_asked_for_or_waits_for_a_host_that_answers() -> None:
    made = hosts(("store", "a"))
    assert made.busy()
    pending = taken(made)
    assert (made.busy(), made.waiting, made.running) == (True, 0, 1)
    made.failed(pending, 0.0)
    assert (made.busy(), made.waiting, made.running) == (False, 1, 0)
    made.answered(taken(made, FIRST_PAUSE), FIRST_PAUSE)
    assert not made.busy()


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=20),
    st.lists(st.tuples(st.sampled_from(["take", "answer", "fail"]), st.floats(0, 40)), max_size=80),
)
def test_no_claim_is_lost_or_doubled_whatever_hosts_do(claims: list[str], steps: list[tuple[str, float]]) -> None:
    made: Hosts[int] = Hosts(2, 60.0)
    for number, host in enumerate(claims):
        made.add(host, number, 0.0)
    now, running, ended = 0.0, list[Pending[int]](), list[int]()
    for step, seconds in steps:
        now += seconds
        if step == "take":
            pending = made.take(now)
            running += [pending] if pending is not None else []
        elif running and step == "answer":
            ended.append(running[0].work)
            made.answered(running.pop(0), now)
        elif running:
            ended += [each.work for each in made.failed(running.pop(0), now)]
    waiting = [pending.work for host in made._hosts.values() for pending in host.waiting]
    assert sorted(ended + waiting + [pending.work for pending in running]) == list(range(len(claims)))
