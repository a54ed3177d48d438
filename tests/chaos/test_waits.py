"""How long a partition waits, from samples made by hand."""

from __future__ import annotations

from tests.chaos.waits import longest_waits, recovered
from tests.chaos.watch import Sample


def sample(at: float, committed: dict[int, int], events: dict[int, int], epoch: str = "a") -> Sample:
    return Sample(at, epoch, {(epoch, partition): offset for partition, offset in committed.items()}, {}, events)


def test_a_wait_is_from_one_commit_to_the_next_while_events_wait() -> None:
    seen = [sample(float(at), {0: {0: 1, 1: 2, 5: 3, 6: 4}.get(at, 2)}, {0: 99}) for at in (0, 1, 2, 3, 4, 5, 6)]
    assert longest_waits(seen, 1.0, 6.0) == {0: 4.0}


def test_a_partition_without_events_does_not_wait() -> None:
    seen = [sample(float(at), {0: 5}, {0: 5}) for at in range(30)]
    assert longest_waits(seen, 1.0, 30.0) == {}


def test_a_wait_that_has_not_ended_counts_and_begins_where_the_fault_ended() -> None:
    seen = [sample(float(at), {0: min(at, 3)}, {0: 99}) for at in range(21)]
    assert longest_waits(seen, 10.0, 20.0) == {0: 10.0}


def test_each_partition_waits_for_itself() -> None:
    seen = [sample(float(at), {0: at, 1: 3}, {0: 99, 1: 99}) for at in range(11)]
    assert longest_waits(seen, 4.0, 10.0) == {0: 1.0, 1: 6.0}


def test_a_topic_made_anew_waits_for_a_commit_of_its_own() -> None:
    """What is committed of the old topic is none: offsets begin again."""
    old = [sample(float(at), {0: 50 + at}, {0: 99}) for at in range(5)]
    new = [Sample(float(at), "b", {("a", 0): 54}, {}, {0: 9}) for at in range(5, 12)]
    assert longest_waits([*old, *new], 5.0, 12.0) == {0: 6.0}


def test_recovered_is_when_every_partition_has_moved_or_has_nothing_to_do() -> None:
    before = sample(1.0, {0: 5, 1: 5, 2: 7}, {0: 9, 1: 9, 2: 7})
    half = sample(3.0, {0: 6, 1: 5, 2: 7}, {0: 9, 1: 9, 2: 7})
    whole = sample(4.0, {0: 6, 1: 6, 2: 7}, {0: 9, 1: 9, 2: 7})
    assert not recovered([before], 2.0)
    assert not recovered([before, half], 2.0)
    assert recovered([before, half, whole], 2.0)
