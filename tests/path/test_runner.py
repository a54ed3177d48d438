"""The runner: order, overlap, backpressure, failure, draining. No test sleeps to get its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event as Flag
from threading import Lock, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PublishError, StopError
from pipeline.items import HEADER_HELD, Batch, Item
from pipeline.path.runner import MAX_BYTES, Runner
from pipeline.path.running import Running
from pipeline.path.topology import Section
from pipeline.ports import Hooks, Stage
from pipeline.wire import Event

PATIENCE = 10.0


class Step:
    """A stage that calls a function."""

    def __init__(self, name: str, work: Callable[[Batch], None] = lambda _: None) -> None:
        self.name = name
        self._work = work

    def __call__(self, batch: Batch) -> Batch:
        self._work(batch)
        return batch


def batch(*offsets: int) -> Batch:
    return Batch([Item(Event("t", 0, each, None, b"")) for each in offsets], polled_at=float(offsets[0]))


def numbers(batches: list[Batch]) -> list[int]:
    return [item.event.offset for each in batches for item in each.items]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def runner(
    *sections: list[Stage],
    max_batch: int = 1,
    threads: int = 1,
    shares: int = 1,
    gathers: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Runner:
    """Of sections that have that many threads and shares each, and gather so much."""
    named = [Section(tuple(stage.name for stage in each), threads, shares, gathers) for each in sections]
    stages = [stage for each in sections for stage in each]
    return Runner(named, stages, Hooks(), time.monotonic, max_batch=max_batch, max_bytes=max_bytes)


def run_through(made: Runner, count: int) -> list[Batch]:
    done: list[Batch] = []
    for number in range(count):
        while not made.room():
            made.wait(PATIENCE)
            done += made.drain()
        made.feed(batch(number))
    return done + made.close(PATIENCE)


def test_batches_come_out_in_the_order_in_which_they_went_in() -> None:
    made = runner([Step("a")], [Step("b"), Step("c")], [Step("d")])
    assert numbers(run_through(made, 50)) == list(range(50))


def test_sections_overlap() -> None:
    """The first section works on the next batch while the second still holds the one before."""
    second_started, first_again = Flag(), Flag()

    def first(each: Batch) -> None:
        if each.items[0].event.offset == 1:
            assert second_started.wait(PATIENCE)
            first_again.set()

    def second(each: Batch) -> None:
        if each.items[0].event.offset == 0:
            second_started.set()
            assert first_again.wait(PATIENCE)

    assert numbers(run_through(runner([Step("a", first)], [Step("b", second)]), 2)) == [0, 1]


def test_threads_of_a_section_share_what_waits_and_it_comes_out_in_order() -> None:
    """The second half is through first, and waits for the first."""
    go, second_through, sizes = Flag(), Flag(), list[int]()

    def work(each: Batch) -> None:
        sizes.append(len(each))
        if each.items[0].event.offset == 0:
            assert go.wait(PATIENCE)
        else:
            second_through.set()

    made = runner([Step("a", work)], threads=2, shares=2, max_batch=4)
    made.feed(batch(0, 1, 2))
    assert second_through.wait(PATIENCE)
    assert made.drain() == []
    go.set()
    done = made.close(PATIENCE)
    assert (sorted(sizes), numbers(done)) == ([1, 2], [0, 1, 2])


def gathered(gathers: int, threads: int) -> tuple[list[list[int]], list[list[int]]]:
    """What came together to the second stage, and to its first, where 1 to 9 come while 0 is in the first."""
    go, started = Flag(), Flag()
    firsts, seconds = list[list[int]](), list[list[int]]()

    def first(each: Batch) -> None:
        firsts.append(numbers([each]))
        if firsts[-1][0] == 0:
            started.set()
            assert go.wait(PATIENCE)

    made = runner(
        [Step("a", first), Step("b", lambda each: seconds.append(numbers([each])))],
        threads=threads,
        shares=2,
        gathers=gathers,
        max_batch=16,
    )
    made.feed(batch(0))
    assert started.wait(PATIENCE)
    made.feed(batch(*range(1, 10)))
    until(lambda: threads == 1 or len(seconds) > 0)
    go.set()
    assert numbers(made.close(PATIENCE)) == list(range(10))
    return firsts, seconds


def test_a_thread_that_took_little_adds_what_came_meanwhile() -> None:
    firsts, seconds = gathered(4, threads=1)
    assert firsts[:2] == [[0], [1, 2, 3]]
    assert seconds[0] == [0, 1, 2, 3]


def test_nothing_is_added_where_nothing_is_to_be_gathered() -> None:
    assert gathered(0, threads=1)[1][0] == [0]


def test_nothing_is_added_that_would_overtake_what_another_thread_took() -> None:
    assert [0] in gathered(16, threads=2)[1]


def test_what_an_idle_thread_may_take_is_left_to_it() -> None:
    section = Running(Section(("a",), threads=2, shares=2, gathers=4), {"a": Step("a")}, Lock())
    section.waiting.append(batch(0, 1, 2, 3))
    part = section.take()
    section.idle = 1
    assert section.gather(part) is None
    section.idle = 0
    more = section.gather(part)
    assert more is not None
    assert numbers([part.batch, more]) == [0, 1, 2]


def test_what_does_not_fit_before_a_section_goes_ahead_in_part() -> None:
    """The section that falls free finds as much waiting as there may be, not what a batch boundary left over."""
    sizes: list[int] = []
    go, started = Flag(), Flag()

    def hold(each: Batch) -> None:
        sizes.append(len(each))
        started.set()
        assert go.wait(PATIENCE)

    fetched = Flag()
    made = runner(
        [Step("a", lambda each: fetched.set() if each.items[-1].event.offset == 7 else None)],
        [Step("b", hold)],
        max_batch=4,
    )
    made.feed(batch(0))
    assert started.wait(PATIENCE)
    for offsets in ((1, 2, 3), (4, 5, 6, 7)):
        while made.room() < len(offsets):
            made.wait(PATIENCE)
        made.feed(batch(*offsets))
    assert fetched.wait(PATIENCE)
    go.set()
    done = made.close(PATIENCE)
    assert (sizes[:2], numbers(done)) == ([1, 4], list(range(8)))


def test_a_slow_part_holds_back_what_comes_after_it_and_so_the_whole_section() -> None:
    """Else a single image that takes minutes would let the rest pile up without end behind it."""
    go, slow = Flag(), Flag()

    def work(each: Batch) -> None:
        if each.items[0].event.offset == 0:
            slow.set()
            assert go.wait(PATIENCE)

    made = runner([Step("a", work)], threads=2, max_batch=2)
    made.feed(batch(0))
    assert slow.wait(PATIENCE)
    fed, deadline = 1, time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if made.room():
            made.feed(batch(fed))
            fed += 1
    assert 3 <= fed <= 6  # the slow one, two or three through behind it, two before the section
    assert made.drain() == []
    go.set()
    assert numbers(made.close(PATIENCE)) == list(range(fed))


@given(
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), max_size=40),
    sections=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 6)), min_size=1, max_size=3),
    max_batch=st.integers(1, 8),
)
def test_nothing_is_lost_repeated_or_reordered_however_it_is_split_and_joined(
    sizes: list[tuple[int, int]], sections: list[tuple[int, int, int]], max_batch: int
) -> None:
    made = Runner(
        [Section((f"s{each}",), *given) for each, given in enumerate(sections)],
        [Step(f"s{each}") for each in range(len(sections))],
        Hooks(),
        time.monotonic,
        max_batch=max_batch,
    )
    done, fed, generation = list[Batch](), 0, 0
    for size, change in sizes:
        generation += change
        while not (room := made.room()):
            made.wait(PATIENCE)
            done += made.drain()
        offsets = range(fed, fed + min(size, room))
        made.feed(Batch([Item(Event("t", generation, each, None, b"")) for each in offsets], 0.0, generation))
        fed = offsets.stop
    done += made.close(PATIENCE)
    assert numbers(done) == list(range(fed))
    assert all(item.event.partition == each.generation for each in done for item in each.items)
    assert made.oldest() is None


def test_a_full_inlet_has_no_room_until_a_stage_takes_from_it() -> None:
    go, started = Flag(), Flag()

    def hold(_: Batch) -> None:
        started.set()
        assert go.wait(PATIENCE)

    made = runner([Step("a", hold)])
    made.feed(batch(0))
    assert started.wait(PATIENCE)
    made.feed(batch(1))
    assert not made.room()
    go.set()
    made.wait(PATIENCE)
    assert numbers(made.close(PATIENCE)) == [0, 1]


def test_what_is_inside_is_bounded_by_the_queues() -> None:
    go = Flag()
    made = runner([Step("a")], [Step("b", lambda _: go.wait(PATIENCE) and None)])
    fed = 0
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if made.room():
            made.feed(batch(fed))
            fed += 1
    assert fed <= 5  # one in each section, one before each, one on its way between them
    go.set()
    assert numbers(made.close(PATIENCE)) == list(range(fed))


def test_what_waits_at_the_inlet_grows_into_one_batch_until_it_is_full() -> None:
    go, started, sizes = Flag(), Flag(), list[int]()

    def hold(each: Batch) -> None:
        sizes.append(len(each))
        started.set()
        assert go.wait(PATIENCE)

    made = runner([Step("a", hold)], max_batch=3)
    made.feed(batch(0))
    assert started.wait(PATIENCE)
    for number, room in ((1, 3), (2, 2), (3, 1)):
        assert made.room() == room
        made.feed(batch(number))
    assert made.room() == 0
    go.set()
    done = made.close(PATIENCE)
    assert (sizes, numbers(done)) == ([1, 3], [0, 1, 2, 3])
    assert [each.polled_at for each in done] == [0.0, 1.0]  # as old as the oldest in it


def test_events_of_two_assignments_do_not_share_a_batch() -> None:
    """A commit leaves out what was polled under an assignment that is over; a batch knows only one."""
    go, started = Flag(), Flag()

    def hold(_: Batch) -> None:
        started.set()
        assert go.wait(PATIENCE)

    made = runner([Step("a", hold)], max_batch=10)
    made.feed(batch(0))
    assert started.wait(PATIENCE)
    later = batch(2)
    later.generation = 1
    made.feed(batch(1))
    made.feed(later)
    assert made.room() == 8
    go.set()
    done = made.close(PATIENCE)
    assert [(each.generation, len(each)) for each in done] == [(0, 1), (0, 1), (1, 1)]


def test_the_oldest_batch_inside_is_told_until_it_is_drained() -> None:
    made = runner([Step("a")])
    assert made.oldest() is None
    made.feed(batch(3))
    assert made.oldest() == 3.0
    assert numbers(made.close(PATIENCE)) == [3]
    assert made.oldest() is None


def test_the_oldest_is_told_of_several_that_have_come_to_different_sections() -> None:
    """One through, one in the last section, one before it, one in the first section: the first of them all counts."""
    go, last = Flag(), Flag()

    def hold(each: Batch) -> None:
        if each.items[0].event.offset == 2:
            last.set()
            assert go.wait(PATIENCE)

    made = runner([Step("a")], [Step("b", hold)])
    for number in (1, 2, 3, 4):
        while not made.room():
            made.wait(PATIENCE)
        made.feed(batch(number))
    assert last.wait(PATIENCE)
    assert made.oldest() == 1.0
    assert numbers(made.drain()) == [1]
    assert made.oldest() == 2.0
    go.set()
    assert numbers(made.close(PATIENCE)) == [2, 3, 4]


def test_what_is_abandoned_is_worked_on_no_further_and_its_threads_end() -> None:
    """Each ends after the stage that it is in: a native library must not be under way while the process ends."""
    go, started, worked = Flag(), Flag(), list[str]()

    def hold(_: Batch) -> None:
        started.set()
        assert go.wait(PATIENCE)
        worked.append("a")

    made = runner([Step("a", hold)], [Step("b", lambda _: worked.append("b"))])
    made.feed(batch(0))
    assert started.wait(PATIENCE)
    made.feed(batch(1))
    made.abandon(0.0)
    with pytest.raises(StopError, match="abandoned"):
        made.drain()
    go.set()
    made.abandon(PATIENCE)
    assert worked == ["a"]
    assert not any(thread.is_alive() for thread in made._threads)


def test_abandoning_what_is_closed_changes_nothing() -> None:
    made = runner([Step("a")])
    made.feed(batch(0))
    assert numbers(made.close(PATIENCE)) == [0]
    made.abandon(PATIENCE)
    assert made.oldest() is None


@pytest.mark.parametrize(
    "stages",
    [["a"], ["a", "b", "c"], ["a", "c"], ["a", "b", "b"]],
    ids=["one missing", "one over", "another", "twice"],
)
def test_sections_that_name_other_stages_than_there_are_run_nothing(stages: list[str]) -> None:
    """A stage that no section names would be left out for every image."""
    sections = [Section(("a",)), Section(("b",))]
    with pytest.raises(ValueError, match="cannot be made of"):
        Runner(sections, [Step(each) for each in stages], Hooks(), time.monotonic, max_batch=1)


def test_a_stage_that_raises_stops_the_runner_and_nothing_after_it_comes_out() -> None:
    def fail(each: Batch) -> None:
        if each.items[0].event.offset == 1:
            raise PublishError("not acknowledged")

    made = runner([Step("a")], [Step("b", fail)])
    with pytest.raises(PublishError, match="not acknowledged"):
        run_through(made, 10)
    with pytest.raises(PublishError):
        made.drain()


def test_the_first_failure_is_told_and_not_what_comes_of_it() -> None:
    def fail(_: Batch) -> None:
        raise PublishError("not acknowledged")

    made = runner([Step("a", fail)])
    made.feed(batch(0))
    with pytest.raises(PublishError):
        made.close(PATIENCE)
    made.abandon(PATIENCE)
    with pytest.raises(PublishError, match="not acknowledged"):
        made.drain()


def test_a_bug_in_a_stage_is_a_stop_error_that_names_it() -> None:
    def bug(_: Batch) -> None:
        raise KeyError("x")

    made = runner([Step("a", bug)])
    made.feed(batch(0))
    with pytest.raises(StopError, match="KeyError"):
        made.close(PATIENCE)


def test_closing_takes_no_longer_than_it_may() -> None:
    go = Flag()
    made = runner([Step("a", lambda _: go.wait(PATIENCE) and None)])
    made.feed(batch(0))
    with pytest.raises(StopError, match="still inside"):
        made.close(0.05)
    go.set()


def wide(offset: int, views: int) -> Item:
    return Item(Event("t", 0, offset, None, b""), pixels=np.zeros((views, 1, 1, 3), np.uint8))


def test_a_section_is_given_so_many_views_at_a_time_and_a_wide_image_alone() -> None:
    """What waits before it would else be as many times the memory as an image may have views."""
    go, sizes = Flag(), list[int]()

    def widen(each: Batch) -> None:
        each.items = [wide(item.event.offset, (1, 9, 3, 2)[item.event.offset % 4]) for item in each.items]

    def count(each: Batch) -> None:
        assert go.wait(PATIENCE)
        sizes.append(each.views)

    made = runner([Step("a", widen)], [Step("b", count)], max_batch=4)
    made.feed(batch(0, 1, 2, 3))
    go.set()
    done = made.close(PATIENCE)
    assert numbers(done) == [0, 1, 2, 3]
    assert sum(sizes) == 15
    assert all(size <= 4 or size == 9 for size in sizes), sizes


def test_there_is_no_room_while_what_is_inside_holds_too_many_bytes() -> None:
    go = Flag()

    def wait(_: Batch) -> None:
        assert go.wait(PATIENCE)

    first, second = Event("t", 0, 0, b"key", bytes(600)), Event("t", 0, 1, None, bytes(390), [("h", bytes(7))])
    together = 600 + len(b"key") + 390 + len("h") + 7 + HEADER_HELD
    made = runner([Step("a", wait)], max_batch=64, max_bytes=together)
    made.feed(Batch([Item(first)]))
    assert made.room() > 0
    made.feed(Batch([Item(second)]))
    assert (made.bytes, made.room()) == (together, 0)
    go.set()
    done: list[Batch] = []
    while len(numbers(done)) < 2:
        done += made.drain()
    assert (made.bytes, made.room()) == (0, 64)
    made.close(PATIENCE)


def test_pushing_from_another_thread_waits_for_room() -> None:
    go, pushed = Flag(), Flag()

    def wait(_: Batch) -> None:
        assert go.wait(PATIENCE)

    made = runner([Step("a", wait)], max_batch=1)
    made.feed(batch(0))
    while not made.room():  # until the section has taken it
        made.wait(PATIENCE)
    made.feed(batch(1))
    other = Thread(target=lambda: (made.push(batch(2)), pushed.set()))
    other.start()
    assert not pushed.wait(0.05)
    go.set()
    other.join(PATIENCE)
    assert pushed.is_set()
    assert numbers(made.close(PATIENCE)) == [0, 1, 2]


def test_pushing_into_a_path_that_has_ended_is_refused() -> None:
    made = runner([Step("a")])
    made.close(PATIENCE)
    with pytest.raises(StopError, match="ended"):
        made.push(batch(0))


class Heard(Hooks):
    def __init__(self) -> None:
        self.stages: list[tuple[str, float, int]] = []
        self.depths: list[tuple[str, int]] = []

    def stage_done(self, stage: str, seconds: float, items: int) -> None:
        self.stages.append((stage, seconds, items))

    def queue_depth(self, queue: str, batches: int) -> None:
        self.depths.append((queue, batches))


def test_hooks_are_told_how_long_each_stage_took_and_what_waits_where() -> None:
    now, heard = [100.0], Heard()

    def work(_: Batch) -> None:
        now[0] += 2.5

    sections = [Section(("a", "b")), Section(("c",))]
    made = Runner(sections, [Step("a", work), Step("b"), Step("c", work)], heard, lambda: now[0], max_batch=4)
    made.feed(batch(0, 1, 2))
    done: list[Batch] = []
    while not done:
        made.wait(PATIENCE)
        done = made.drain()
    assert heard.stages == [("a", 2.5, 3), ("b", 0.0, 3), ("c", 2.5, 3)]
    assert heard.depths == [("a+b", 1), ("a+b", 0), ("c", 1), ("c", 0), ("done", 1), ("done", 0)]
    made.close(PATIENCE)
