"""What workers counted, together: what goes round counts once, a release counts anew, and no bytes do harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.limits.counts import (
    MOST_BYTES,
    Count,
    Counted,
    Counts,
    Told,
    counts_bytes,
    counts_of,
    parse_counts,
    together,
)
from pipeline.rules.limits.sketches import BYTES, different, sketches_of
from pipeline.signals import Features
from tests.rules.limits.simulated import LIMITS

NAME = "weapons:v1"


def views(count: int, seed: int) -> Features:
    found = np.random.default_rng(seed).normal(size=(count, 64)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def counted(images: int, flagged: Features, since: float = 0.0) -> Counts:
    return counts_of({NAME: Counted("weapons", LIMITS, since, images, len(flagged), list(flagged))})


class TestSketches:
    def test_pictures_that_are_nearly_the_same_are_one_and_others_are_not(self) -> None:
        some = views(50, 0)
        saved_again = some + 0.15 * views(50, 1)
        near = saved_again / np.linalg.norm(saved_again, axis=1, keepdims=True)
        assert ((some * near).sum(axis=1) > 0.975).all()
        assert different(sketches_of(np.concatenate([some, near]))) <= 52
        assert different(sketches_of(views(200, 2))) == 200

    def test_they_are_the_same_on_every_machine(self) -> None:
        ramp = np.linspace(-1, 1, 64, dtype=np.float32)
        assert sketches_of(ramp[None]).tobytes().hex()[:16] == "02ea55397525f156"


class TestTogether:
    def test_what_none_would_be_held_for_alone_is_beyond_the_limit_of_all(self) -> None:
        mine, *others = (counted(50, views(3, seed)) for seed in range(20))
        assert together(NAME, mine[NAME], [], LIMITS.rate) is None
        assert together(NAME, mine[NAME], others, LIMITS.rate) == (1_000, 60)

    def test_one_picture_that_all_of_them_saw_counts_once(self) -> None:
        mine, *others = (counted(5, views(3, 0)) for _ in range(20))
        assert together(NAME, mine[NAME], others, LIMITS.rate) is None

    def test_of_more_than_travels_the_rest_repeats_itself_as_much(self) -> None:
        mine, *others = (counted(1_000, views(200, seed // 2)) for seed in range(20))
        images, flagged = together(NAME, mine[NAME], others, LIMITS.rate) or (0, 0)
        assert (images, flagged) == (18_000, 2_000)

    def test_who_counts_since_another_release_is_left_out(self) -> None:
        mine = counted(50, views(3, 0), since=9.0)
        others = [counted(50, views(3, seed)) for seed in range(1, 20)]
        assert together(NAME, mine[NAME], others, LIMITS.rate) is None

    def test_a_worker_without_sketches_counts_as_it_says(self) -> None:
        bare = {NAME: Count(0.0, 50, 25)}
        assert together(NAME, bare[NAME], [bare], LIMITS.rate) == (100, 50)


class TestTheirBytes:
    @pytest.mark.parametrize("policies", [1, 60, 500])
    def test_those_of_any_folder_come_through_and_fit(self, policies: int) -> None:
        flagged = list(views(64, 0))
        many = {
            f"{'p' * 60}{number}:{'0' * 16}": Counted("p", LIMITS, 1.5, 10**9, 64, flagged)
            for number in range(policies)
        }
        counts = counts_of(many)
        value = counts_bytes("w" * 32, counts)
        assert len(value) <= MOST_BYTES
        assert parse_counts(value) == Told("w" * 32, counts)

    @given(st.binary(max_size=200))
    def test_no_bytes_are_more_than_nothing_or_counts(self, value: bytes) -> None:
        found = parse_counts(value)
        assert found is None or all(each.flagged <= each.images for each in found.counts.values())

    def test_what_cannot_be_is_nothing(self) -> None:
        for count in (Count(0.0, 5, 6), Count(0.0, 5, 5, b"x" * (BYTES - 1)), Count(0.0, -1, -1)):
            assert parse_counts(counts_bytes("w", {NAME: count})) is None

    def test_what_is_nested_too_deep_is_nothing(self) -> None:
        array_of_three, array_of_one = b"\x93", b"\x91"
        assert parse_counts(array_of_three + b"\xa1w\x80" + array_of_one * 100_000) is None
