"""Which commits count after partitions have come and gone: rules alone, no broker."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.items import Batch, Item
from pipeline.rules.flow.assignment import Assignment, Done
from pipeline.wire import Event

A, B = ("images", 0), ("images", 1)


def batch(assignment: Assignment, *places_and_offsets: tuple[tuple[str, int], int]) -> Batch:
    """As one poll brings it."""
    items = [Item(Event(*place, offset, None, b"")) for place, offset in places_and_offsets]
    polled = Batch(items, 0.0, assignment.generation)
    assignment.take(polled)
    return polled


def test_a_batch_of_what_is_ours_is_to_be_committed() -> None:
    ours = Assignment()
    ours.gain([A, B])
    ours.mark(batch(ours, (A, 4), (A, 5), (B, 9)))
    assert ours.pending() == {A: Done(6, 2), B: Done(10, 1)}
    assert ours.committed(ours.pending()) == 3
    assert ours.pending() == {}


def test_what_is_done_early_waits_for_what_was_polled_before_it() -> None:
    ours = Assignment()
    ours.gain([A, B])
    slow, quick = batch(ours, (A, 4), (B, 7)), batch(ours, (A, 5), (A, 8), (B, 9))
    late = batch(ours, (A, 9))
    ours.mark(quick)
    assert ours.pending() == {}
    assert (ours.outstanding([A]), ours.outstanding([A, B]), ours.outstanding([("other", 0)])) == (2, 3, 0)
    ours.mark(slow)
    assert ours.pending() == {A: Done(9, 3), B: Done(10, 2)}
    assert ours.committed(ours.pending()) == 5
    ours.mark(late)
    assert ours.pending() == {A: Done(10, 1)}


def test_one_late_event_holds_back_its_own_partition_alone() -> None:
    ours = Assignment()
    ours.gain([A, B])
    polled = batch(ours, (A, 0), (B, 0), (A, 1), (B, 1))
    ours.mark(Batch(polled.items[1:], 0.0, polled.generation))
    assert ours.pending() == {B: Done(2, 2)}


def test_marking_twice_changes_nothing() -> None:
    ours = Assignment()
    ours.gain([A])
    first, second = batch(ours, (A, 0)), batch(ours, (A, 1))
    for each in (second, second, first, first, second):
        ours.mark(each)
    assert ours.pending() == {A: Done(2, 2)}
    assert ours.outstanding([A]) == 0


def test_the_end_of_a_partition_is_reached_through_what_holds_no_event() -> None:
    """A transaction's marker, say: it is passed when all before it is done, and not before."""
    ours = Assignment()
    ours.gain([A])
    ours.reach({A: 3})
    assert ours.pending() == {}
    polled = batch(ours, (A, 3), (A, 4))
    ours.reach({A: 6})
    assert ours.pending() == {}
    ours.mark(polled)
    assert ours.pending() == {A: Done(6, 2)}
    ours.committed(ours.pending())
    ours.reach({A: 8, B: 4})
    assert ours.pending() == {A: Done(8, 0)}


def test_a_partition_that_begins_anew_forgets_what_its_old_offsets_meant() -> None:
    """The topic was made anew under us: the same offsets are other events now."""
    ours = Assignment()
    ours.gain([A])
    old = batch(ours, (A, 40))
    ours.gain([A])
    new = batch(ours, (A, 0))
    ours.mark(old)
    assert ours.pending() == {}
    ours.mark(new)
    assert ours.pending() == {A: Done(1, 1)}


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


def test_an_event_that_a_later_tenancy_polls_again_is_not_done_by_the_earlier_one() -> None:
    """However often partitions have come and gone meanwhile, theirs or others."""
    for changes in (["gain A"], ["lose A", "gain A"], ["lose B", "lose A", "gain A"], ["restart A"]):
        ours = Assignment()
        ours.gain([A])
        ours.gain([B])
        old = batch(ours, (A, 4))
        for change in changes:
            match change.split():
                case ["restart", _]:
                    ours.restart(A, 4)
                case [what, place]:
                    (ours.gain if what == "gain" else ours.lose)([A if place == "A" else B])
        again = batch(ours, (A, 4), (A, 5))
        ours.mark(old)
        assert ours.outstanding([A]) == 2, changes
        ours.mark(again)
        assert ours.pending()[A].offset == 6


def test_that_a_partition_begins_anew_is_itself_to_be_committed() -> None:
    ours = Assignment()
    ours.gain([A, B])
    ours.mark(batch(ours, (A, 40)))
    ours.restart(A, 7)
    assert ours.pending() == {A: Done(7, 0)}
    assert ours.committed(ours.pending()) == 0
    assert ours.pending() == {}
    ours.mark(batch(ours, (A, 7)))
    assert ours.pending() == {A: Done(8, 1)}


def test_what_is_to_be_committed_can_be_asked_for_some_partitions() -> None:
    ours = Assignment()
    ours.gain([B, A])
    assert ours.partitions == [A, B]
    ours.mark(batch(ours, (A, 4), (B, 9)))
    assert ours.pending([A, ("other", 0)]) == {A: Done(5, 1)}
    assert ours.pending([]) == {}


def test_a_commit_that_is_told_twice_or_too_late_takes_nothing_from_what_is_done_since() -> None:
    ours = Assignment()
    ours.gain([A])
    ours.mark(batch(ours, (A, 4)))
    sent = ours.pending()
    assert ours.committed(sent) == 1
    ours.mark(batch(ours, (A, 5)))
    assert ours.committed(sent) == 1
    assert ours.pending() == {A: Done(6, 1)}
    ours.lose([A])
    assert ours.committed(sent) == 1
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


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_whatever_the_order_a_commit_stops_at_the_first_that_is_outstanding(sizes: list[int], random: Random) -> None:
    """Held against the plain rule: the least offset that is not done, else one past the last."""
    ours = Assignment()
    ours.gain([A])
    ours.reach({A: 4})
    offset, polled, waiting, marked, sent, taken = 5, [], set(), 0, 0, 4
    for size in sizes:
        polled.append(batch(ours, *((A, offset + 2 * step) for step in range(size))))  # with gaps
        waiting |= {item.event.offset for item in polled[-1].items}
        offset += 2 * size
    random.shuffle(polled)
    for each in polled:
        ours.mark(each)
        waiting -= {item.event.offset for item in each.items}
        marked += len(each)
        low = min(waiting, default=offset - 1)
        pending = ours.pending()
        assert {done.offset for done in pending.values()} == ({low} if low > taken else set())
        assert ours.outstanding([A]) == len(waiting)
        if random.random() < 0.5:
            sent, taken = sent + ours.committed(pending), max(low, taken)
            assert ours.pending() == {}
    assert sent + sum(done.events for done in ours.pending().values()) == marked
