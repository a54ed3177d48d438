"""The lane of claim checks: what is slow or away holds up nothing else, and everything is delivered or stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event as Flag
from threading import Lock

import msgspec
import pytest

from pipeline.adapters.http import HttpFetcher
from pipeline.errors import ItemError, Reason, RetryError, StopError
from pipeline.items import Batch, Item
from pipeline.path.claims import MOST_BYTES, ClaimLane
from pipeline.path.path import Path
from pipeline.path.runner import Runner
from pipeline.path.topology import Section
from pipeline.ports import Hooks
from pipeline.wire import Claim, Event

PATIENCE = 10.0
HEADERS = [("content-type", b"application/json")]


def claim(offset: int, host: str = "store", value: bytes | None = None) -> Item:
    body = msgspec.json.encode(Claim(f"https://{host}/{offset}")) if value is None else value
    return Item(Event("t", 0, offset, None, body, HEADERS))


def image(offset: int) -> Item:
    return Item(Event("t", 0, offset, None, b"image"))


class Delivered:
    """What has come out of the lane."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self._lock = Lock()

    def __call__(self, batch: Batch) -> None:
        with self._lock:
            self.batches.append(batch)

    @property
    def offsets(self) -> list[int]:
        with self._lock:
            return [item.event.offset for batch in self.batches for item in batch.items]

    def wait_for(self, count: int) -> list[Item]:
        until(lambda: len(self.offsets) >= count)
        return [item for batch in self.batches for item in batch.items]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def lane(redeem: Callable[[Item], None], deliver: Callable[[Batch], None], **settings: float) -> Iterator[ClaimLane]:
    chosen = {"threads": 4, "most": 100, "patience": 60.0, **settings}
    made = ClaimLane(redeem, deliver, lambda _: True, Hooks(), time.monotonic, **chosen)  # type: ignore[arg-type]
    yield made
    made.end()


def fill(item: Item) -> None:
    item.image = b"image"


def test_a_claim_comes_out_with_its_image_and_the_batchs_marks() -> None:
    out = Delivered()
    with lane(fill, out) as made:
        made.add(Batch([claim(0), claim(1)], polled_at=5.0, generation=3))
        items = out.wait_for(2)
    assert [item.image for item in items] == [b"image"] * 2
    assert {(batch.polled_at, batch.generation) for batch in out.batches} == {(5.0, 3)}


def test_a_host_that_never_answers_holds_up_no_other() -> None:
    go = Flag()

    def redeem(item: Item) -> None:
        assert item.claim is not None
        if "slow" in item.claim.uri:
            assert go.wait(PATIENCE)
        fill(item)

    out = Delivered()
    with lane(redeem, out) as made:
        made.add(Batch([claim(each, "slow") for each in range(50)] + [claim(50 + each) for each in range(20)]))
        out.wait_for(20)
        assert min(out.offsets) == 50
        go.set()
        out.wait_for(70)


def test_a_store_that_is_away_is_waited_for_and_nothing_becomes_a_dead_letter() -> None:
    back = Flag()

    def redeem(item: Item) -> None:
        if not back.is_set():
            raise RetryError(Reason.FETCH_FAILED, "connection refused")
        fill(item)

    out = Delivered()
    with lane(redeem, out) as made:
        made.add(Batch([claim(each) for each in range(10)]))
        until(lambda: bool(made.away()))
        assert out.offsets == []
        back.set()
        items = out.wait_for(10)
    assert all(item.failure is None for item in items)
    assert sorted(out.offsets) == list(range(10))


def test_a_store_that_stays_away_for_too_long_makes_dead_letters_that_say_so() -> None:
    def redeem(item: Item) -> None:
        raise RetryError(Reason.FETCH_FAILED, f"connection refused for {item.event.offset}")

    out = Delivered()
    with lane(redeem, out, patience=0.5) as made:
        made.add(Batch([claim(each) for each in range(3)]))
        items = out.wait_for(3)
    failures = [item.failure for item in items if item.failure is not None]
    assert [(each.stage, each.reason) for each in failures] == [("fetch", "fetch_failed")] * 3
    assert all("connection refused" in each.message and "given up after" in each.message for each in failures)


@pytest.mark.parametrize("error", [ItemError(Reason.FETCH_REFUSED, "not allowed"), MemoryError(), KeyError("odd")])
def test_whatever_else_a_fetch_raises_is_that_items_failure(error: Exception) -> None:
    def redeem(item: Item) -> None:
        if item.event.offset == 1:
            raise error
        fill(item)

    out = Delivered()
    with lane(redeem, out) as made:
        made.add(Batch([claim(0), claim(1), claim(2)]))
        out.wait_for(3)
    failed = [item.event.offset for batch in out.batches for item in batch.items if item.failure]
    assert failed == [1]


def test_what_is_no_claim_check_comes_back_failed_at_once() -> None:
    out = Delivered()
    with lane(fill, out) as made:
        odd = [b"", b"{}", b"[]", b'{"uri": 3}', b"\xff"]
        back = made.add(Batch([claim(each, value=value) for each, value in enumerate(odd)]))
    assert [item.failure.reason for item in back.items if item.failure] == ["malformed_claim"] * len(odd)


def test_a_claim_check_whose_address_is_none_is_refused_as_it_is_without_a_lane() -> None:
    out = Delivered()
    with closing(HttpFetcher(["cdn.example"])) as fetcher:

        def redeem(item: Item) -> None:
            assert item.claim is not None
            item.image = fetcher.fetch(item.claim)

        with lane(redeem, out) as made:
            value = msgspec.json.encode(Claim("https://[cdn.example]/a"))
            assert not made.add(Batch([claim(0, value=value)])).items
            out.wait_for(1)
    assert [item.failure.reason for item in out.batches[0].items if item.failure] == ["fetch_refused"]


def test_room_shrinks_by_what_waits() -> None:
    go = Flag()
    with lane(lambda _: go.wait(PATIENCE) and None, Delivered(), threads=1, most=10) as made:
        made.add(Batch([claim(each) for each in range(8)]))
        until(lambda: made.room() == 3)
        go.set()
        until(lambda: made.room() == 10)


def test_finishing_waits_for_what_can_be_had_and_not_for_a_store_that_is_away() -> None:
    def redeem(item: Item) -> None:
        assert item.claim is not None
        if "away" in item.claim.uri:
            raise RetryError(Reason.FETCH_FAILED, "connection refused")
        time.sleep(0.02)
        fill(item)

    out = Delivered()
    with lane(redeem, out) as made:
        made.add(Batch([claim(each) for each in range(30)] + [claim(30, "away")]))
        until(lambda: "away" in made.away())
        made.finish(PATIENCE)
        assert sorted(out.offsets) == list(range(30))


def test_threads_end_when_the_path_has_ended() -> None:
    def deliver(_: Batch) -> None:
        raise StopError("the path has ended")

    with lane(fill, deliver, threads=2) as made:
        made.add(Batch([claim(0), claim(1)]))
        for thread in made._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_memory_for_one_more_image_is_asked_for_before_each_fetch() -> None:
    asked: list[int] = []
    allowed = Flag()

    def may_fetch(running: int) -> bool:
        asked.append(running)
        return allowed.is_set() or not running

    most, running, lock = 0, 0, Lock()

    def redeem(item: Item) -> None:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        fill(item)
        with lock:
            running -= 1

    out = Delivered()
    made = ClaimLane(redeem, out, may_fetch, Hooks(), time.monotonic, threads=4, most=99, patience=60.0)
    made.add(Batch([claim(each) for each in range(10)]))
    out.wait_for(10)
    made.end()
    assert most == 1


class Step:
    """A stage that does nothing."""

    name = "step"

    def __call__(self, batch: Batch) -> Batch:
        return batch


def test_images_pass_the_claim_checks_that_were_polled_with_them() -> None:
    go = Flag()

    def redeem(item: Item) -> None:
        assert go.wait(PATIENCE)
        fill(item)

    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    with lane(redeem, runner.push) as made:
        path = Path(runner, made, time.monotonic)
        path.feed(Batch([claim(0), image(1), claim(2), image(3)]))
        done: list[int] = []

        def drained() -> list[int]:
            done.extend(item.event.offset for batch in path.drain() for item in batch.items)
            return done

        until(lambda: sorted(drained()) == [1, 3])
        assert not path.idle()
        go.set()
        until(lambda: sorted(drained()) == [0, 1, 2, 3])
        assert path.idle()
        assert path.close(PATIENCE) == []


def test_a_path_that_ends_leaves_what_it_cannot_fetch_for_the_next_owner() -> None:
    def redeem(_: Item) -> None:
        raise RetryError(Reason.FETCH_FAILED, "connection refused")

    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    with lane(redeem, runner.push) as made:
        path = Path(runner, made, time.monotonic)
        path.feed(Batch([claim(0), image(1)]))
        until(lambda: path.waiting_for() is not None)
        done = path.close(PATIENCE)
    assert [item.event.offset for batch in done for item in batch.items] == [1]


def test_a_path_has_as_much_room_as_its_narrowest_part() -> None:
    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    assert Path(runner, None, time.monotonic).room() == 4
    for most, room in ((2, 2), (100, 4)):
        with lane(fill, runner.push, most=most) as made:
            assert Path(runner, made, time.monotonic).room() == room
    runner.close(PATIENCE)


def test_a_path_without_a_lane_takes_claims_and_images_alike() -> None:
    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    path = Path(runner, None, time.monotonic)
    assert path.idle()
    path.feed(Batch([claim(0), image(1)], polled_at=3.0))
    assert path.waiting_for() is None
    done: list[Batch] = []
    until(lambda: bool(done.extend(path.drain()) or path.idle()))
    assert [item.event.offset for batch in done for item in batch.items] == [0, 1]
    assert path.close(PATIENCE) == []


def test_claims_keep_the_marks_of_the_batch_that_they_were_polled_in() -> None:
    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    with lane(fill, runner.push) as made:
        path = Path(runner, made, time.monotonic)
        path.feed(Batch([claim(0), claim(1)], polled_at=7.0, generation=3))
        until(path._lane.idle)  # type: ignore[union-attr]
        done = path.close(PATIENCE)
    assert {(batch.polled_at, batch.generation) for batch in done} == {(7.0, 3)}
    assert sorted(item.event.offset for batch in done for item in batch.items) == [0, 1]


def test_the_batch_that_has_been_inside_the_longest_is_told_and_a_claim_that_waits_is_none() -> None:
    reached, go = Flag(), Flag()

    class Held(Step):
        def __call__(self, batch: Batch) -> Batch:
            reached.set()
            assert go.wait(PATIENCE)
            return batch

    def away(_: Item) -> None:
        raise RetryError(Reason.FETCH_FAILED, "connection refused")

    runner = Runner([Section((Held.name,))], [Held()], Hooks(), time.monotonic, max_batch=1)
    with lane(away, runner.push) as made:
        path = Path(runner, made, time.monotonic)
        path.feed(Batch([claim(0)], polled_at=1.0))
        assert path.oldest() is None
        path.feed(Batch([image(1)], polled_at=2.0))
        assert reached.wait(PATIENCE)
        path.feed(Batch([image(2)], polled_at=3.0))
        assert path.oldest() == 2.0
        assert path.room() == 0
        path.wait(0.01)
        go.set()
        path.close(PATIENCE)


def test_a_path_that_is_abandoned_fetches_and_takes_nothing_more() -> None:
    fetched: list[int] = []

    def redeem(item: Item) -> None:
        fetched.append(item.event.offset)
        fill(item)

    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    with lane(redeem, runner.push) as made:
        path = Path(runner, made, time.monotonic)
        path.abandon(PATIENCE)
        path.feed(Batch([claim(0)]))
        with pytest.raises(StopError):
            runner.push(Batch([image(1)]))
        assert made.room() == 99
        assert not [thread for thread in made._threads if thread.join(PATIENCE) or thread.is_alive()]
    assert fetched == []


def test_stores_that_do_not_answer_are_named_with_how_long_they_have_not() -> None:
    now = [100.0]

    def redeem(_: Item) -> None:
        raise RetryError(Reason.FETCH_FAILED, "connection refused")

    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    made = ClaimLane(redeem, runner.push, lambda _: True, Hooks(), lambda: now[0], threads=2, most=9, patience=1e9)
    path = Path(runner, made, time.monotonic)
    path.feed(Batch([claim(0, "one"), claim(1, "two")]))
    until(lambda: len(made.away()) == 2)
    now[0] += 7.0
    assert str(path.waiting_for()).split("; ") == [f"{host} has not answered for 7 s" for host in ("one", "two")]
    path.abandon(PATIENCE)


def test_claims_that_memory_holds_up_go_on_when_images_have_left() -> None:
    memory, out = Flag(), Delivered()
    runner = Runner([Section((Step.name,))], [Step()], Hooks(), time.monotonic, max_batch=4)
    made = ClaimLane(fill, out, lambda _: memory.is_set(), Hooks(), time.monotonic, threads=1, most=9, patience=60.0)
    path = Path(runner, made, time.monotonic)
    path.feed(Batch([claim(0)]))
    path.feed(Batch([image(1)]))
    memory.set()
    until(lambda: bool(path.drain()))
    out.wait_for(1)
    path.abandon(PATIENCE)


class Spent:
    """A lane and a runner in one that use up some of the time for closing and note how much they were given."""

    def __init__(self, spends: float) -> None:
        self.now, self.given, self._spends = 100.0, list[float](), spends

    def finish(self, timeout: float) -> None:
        self.given.append(timeout)
        self.now += self._spends

    def close(self, timeout: float) -> list[Batch]:
        self.given.append(timeout)
        return []


@pytest.mark.parametrize(("spends", "left"), [(2.0, 8.0), (5.0, 5.0), (12.0, 0.0)])
def test_claims_get_half_of_the_time_for_closing_and_images_what_is_left(spends: float, left: float) -> None:
    both = Spent(spends)
    path = Path(both, both, lambda: both.now)  # type: ignore[arg-type]
    assert path.close(10.0) == []
    assert both.given == [5.0, left]


def test_a_lane_finishes_as_soon_as_all_is_delivered_that_can_be_had() -> None:
    """However long it might take: one store is away, and all claims for the other are through."""
    out = Delivered()

    def redeem(item: Item) -> None:
        assert item.claim is not None
        if "away" in item.claim.uri:
            raise RetryError(Reason.FETCH_FAILED, "connection refused")
        fill(item)

    with lane(redeem, out) as made:
        made.add(Batch([claim(0, "away"), *(claim(each) for each in range(1, 20))]))
        made.finish(3600.0)
        assert sorted(out.offsets) == list(range(1, 20))
        assert made.room() == 99


def test_claims_that_are_as_large_as_images_leave_no_room_for_more_until_they_are_through() -> None:
    """A thousand of 16 MB each would be more memory than a worker has."""
    out, answer = Delivered(), Flag()

    def away_at_first(item: Item) -> None:
        if not answer.is_set():
            raise RetryError(Reason.FETCH_FAILED, "away")
        fill(item)

    body = msgspec.json.encode({"uri": "https://store/a", "padding": "x" * (MOST_BYTES // 4)})
    with lane(away_at_first, out) as made:
        for offset in range(3):
            made.add(Batch([claim(offset, value=body)], polled_at=0.0))
            assert made.room() in {100 - offset - 1, 100 - offset}  # one may be asked for just now
        made.add(Batch([claim(3, value=body)], polled_at=0.0))
        assert made.room() == 0
        answer.set()
        out.wait_for(4)
        until(lambda: made.room() == 100)
