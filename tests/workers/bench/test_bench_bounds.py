"""The arithmetic of the bench's bounds, and the clock at the decoder's door."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoded
from tests.signals_made import whole
from workers.bench import limits
from workers.bench.budget import Budget
from workers.bench.limits import Cost, Forward
from workers.bench.report import arithmetic
from workers.bench.rounds import Bound, Null, Streamed
from workers.bench.streams import Clockwork, KafkaCosts
from workers.bench.timed import TimedDecoder

FORWARD = Forward("bfloat16", 32, Cost(100, wall=1.0, cpu=2.0))  # 100/s, 20 ms of CPU an image
DECODE = Cost(100, wall=0.25, cpu=0.5)  # 5 ms
CLIENT = KafkaCosts(publish=Cost(100, 0.3, 0.1), fetch=Cost(100, 0.2, 0.4))  # 1 and 4 ms


def streamed(images: int, wall: float, cpu: float) -> Clockwork:
    return Clockwork(images, latencies=[0.0] * images, started=(10.0, 5.0), ended=(10.0 + wall, 5.0 + cpu))


def test_cores_share_out_forward_pass_decode_and_kafkas_client() -> None:
    assert Bound(2, apart=False, forward=FORWARD, decode=DECODE).rate == pytest.approx(2 / 0.025)
    assert Bound(2, apart=False, forward=FORWARD, decode=DECODE, client=CLIENT).rate == pytest.approx(2 / 0.030)


def test_a_device_apart_is_bound_by_the_slower_of_itself_and_the_cores() -> None:
    assert Bound(2, apart=True, forward=FORWARD, decode=DECODE).rate == pytest.approx(100)
    assert Bound(1, apart=True, forward=FORWARD, decode=Cost(10, 0.2, 0.2)).rate == pytest.approx(50)


def test_an_image_costs_a_forward_pass_for_each_of_its_views() -> None:
    assert Bound(2, apart=False, forward=FORWARD, decode=DECODE, views=1.5).rate == pytest.approx(2 / 0.035)
    assert Bound(2, apart=True, forward=FORWARD, decode=DECODE, views=2.0).rate == pytest.approx(50)
    bound = Bound(2, apart=False, forward=FORWARD, decode=DECODE, views=1.5)
    assert Streamed(streamed(120, wall=2.0, cpu=4.8), bound).in_neither == pytest.approx(0.005)
    assert "batch 32) x 1.5 views + decode" in arithmetic(bound)


class Doubling:
    """A decoder that makes two views of every other image."""

    name = "doubling"

    def decode(self, image: bytes) -> Decoded:
        return Decoded(np.zeros((1 + image[0] % 2, 2, 2, 3), np.uint8), whole(1 + image[0] % 2))

    def tiles(self, image: bytes) -> Decoded:
        return self.decode(image)


def test_views_are_those_that_the_decoder_makes_of_the_benchs_own_images() -> None:
    assert limits.views(Doubling(), [b"\x00", b"\x01", b"\x02", b"\x03"]) == pytest.approx(1.5)


def test_a_budget_says_what_it_cannot_afford() -> None:
    now, said = [100.0], list[str]()
    budget = Budget(600, said.append, lambda: now[0])
    now[0] += 100
    budget.begin()
    budget.part(0.5)
    assert budget.left == pytest.approx(250)
    assert budget.affords("this", 249)
    assert not budget.affords("that", 251)
    assert budget.missing == ["that: not measured, it would take about 4:11"]
    budget.say("working")
    assert said == ["[1:40 of 10:00] working"]
    budget.part(1.0)
    assert budget.left == pytest.approx(500)


def test_efficiency_is_measured_by_bound_and_the_rest_of_the_cpu_is_ours() -> None:
    found = Streamed(streamed(120, wall=2.0, cpu=3.6), Bound(2, apart=False, forward=FORWARD, decode=DECODE))
    assert found.efficiency == pytest.approx(60 / 80)
    assert found.in_neither == pytest.approx(0.005)


@pytest.mark.parametrize(("most", "sizes"), [(1, [1]), (2, [1, 2]), (8, [1, 2, 4, 8]), (12, [1, 2, 4, 8, 12])])
def test_passes_are_measured_at_powers_of_two_and_at_the_largest(most: int, sizes: list[int]) -> None:
    assert limits.batch_sizes(most) == sizes


def test_costs_add_up_as_one_after_the_other() -> None:
    both = Cost(10, 1.0, 2.0) + Cost(30, 1.0, 4.0)
    assert (both.rate, both.cpu_each) == (pytest.approx(20), pytest.approx(0.15))


class Spinning:
    """A decoder that works for a while, and for another sleeps."""

    name = "spinning"

    def decode(self, image: bytes) -> Decoded:
        if not image:
            raise ItemError(Reason.EMPTY, "nothing")
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        time.sleep(0.03)
        return Decoded(np.zeros((1, 2, 2, 3), np.uint8), whole(1))

    def tiles(self, image: bytes) -> Decoded:
        return self.decode(image)


def test_decoding_is_timed_by_the_clocks_of_the_threads_that_decode() -> None:
    timed = TimedDecoder(Spinning())
    with ThreadPoolExecutor(2) as pool:
        assert [each.frames for each in pool.map(timed.decode, [b"x"] * 6)] == [1] * 6
    cost = timed.cost()
    assert cost.images == 6
    assert 0.02 <= cost.cpu_each < 0.03
    assert cost.cpu_each + 0.03 <= cost.wall / cost.images
    assert Null(streamed(6, wall=1.0, cpu=0.18), cost).beside_decode == pytest.approx(0.03 - cost.cpu_each)


def test_rests_are_not_counted_as_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.2)

    def work() -> int:
        time.sleep(0.01)
        return 1

    started = time.perf_counter()
    cost = limits.repeated(work, busy=0.25)
    assert cost.wall < 0.6 * (time.perf_counter() - started)
