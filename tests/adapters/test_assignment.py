"""Which commits count after partitions have come and gone: rules alone, no broker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.assignment import Assignment, Done
from pipeline.items import Batch, Item
from pipeline.wire import Event

A, B = ("images", 0), ("images", 1)


def batch(assignment: Assignment, *places_and_offsets: tuple[tuple[str, int], int]) -> Batch:
    items = [Item(Event(*place, offset, None, b"")) for place, offset in places_and_offsets]
    return Batch(items, 0.0, assignment.generation)


def test_a_batch_of_what_is_ours_is_to_be_committed() -> None:
    ours = Assignment()
    ours.gain([A, B])
    ours.mark(batch(ours, (A, 4), (A, 5), (B, 9)))
    assert ours.pending() == {A: Done(6, 2), B: Done(10, 1)}
    assert ours.committed(ours.pending()) == 3
    assert ours.pending() == {}


def test_a_partition_that_stays_keeps_its_batches_through_a_rebalance() -> None:
    ours = Assignment()
    ours.gain([A, B])
    polled = batch(ours, (A, 4), (B, 9))
    ours.lose([B])
    ours.gain([("images", 7)])
    ours.mark(polled)
    assert ours.pending() == {A: Done(5, 1)}


def test_a_batch_from_an_earlier_tenancy_is_left_out() -> None:
    """It went and came back: another member may have been further meanwhile."""
    ours = Assignment()
    ours.gain([A])
    polled = batch(ours, (A, 4))
    ours.lose([A])
    ours.gain([A])
    ours.mark(polled)
    assert ours.pending() == {}


def test_what_is_done_when_a_partition_goes_is_handed_over_once() -> None:
    ours = Assignment()
    ours.gain([A, B])
    ours.mark(batch(ours, (A, 4), (B, 9)))
    assert ours.lose([A]) == {A: Done(5, 1)}
    assert ours.lose([A]) == {}
    assert ours.pending() == {B: Done(10, 1)}


def test_what_is_done_while_a_commit_is_under_way_stays_to_be_committed() -> None:
    ours = Assignment()
    ours.gain([A])
    ours.mark(batch(ours, (A, 4)))
    sent = ours.pending()
    ours.mark(batch(ours, (A, 5)))
    ours.committed(sent)
    assert ours.pending()[A].offset == 6


Step = st.sampled_from(["gain", "lose", "poll", "mark"])


@given(st.lists(Step, max_size=40))
def test_a_commit_never_comes_from_an_earlier_tenancy(steps: list[str]) -> None:
    """Whatever happens in whatever order: only batches polled since the partition last came are committed."""
    ours = Assignment()
    offset, since, polled = 0, -1, []
    for step in steps:
        if step == "gain" and since < 0:
            ours.gain([A])
            since = offset
        elif step == "lose" and since >= 0:
            ours.lose([A])
            since = -1
        elif step == "poll" and since >= 0:
            polled.append(batch(ours, (A, offset)))
            offset += 1
        elif step == "mark" and polled:
            ours.mark(polled.pop(0))
        pending = ours.pending()
        assert not pending if since < 0 else all(done.offset > since for done in pending.values())
