"""A policy that flags a multiple of its limit is held: when, on what evidence, for how long, and at what cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.judging import Judgement
from pipeline.rules.limits.bound import beyond
from pipeline.rules.limits.holding import Holding, held_back, notes_of
from pipeline.rules.limits.repeats import Hashes, Views
from pipeline.rules.limits.window import BUCKETS, Window
from pipeline.rules.policies.policy_set import Policy
from pipeline.signals import WHOLE, Signals, regions_of
from pipeline.wire import SEVERITY, Match
from tests.archive.made import MADE_BY
from tests.rules.limits import simulated
from tests.rules.limits.simulated import ALLOWED, BLOCKED, WEAPONS, another

counts = st.integers(0, 5_000)
rates = st.floats(0.0001, 0.45)


def signals(number: int) -> Signals:
    view = simulated.unit(np.random.default_rng(number).normal(size=64))
    return Signals(view[None], regions_of([WHOLE]), MADE_BY)


def gone_over(holding: Holding, policy: Policy = WEAPONS, start: int = 0) -> int:
    """Flag everything until the policy is held, and say after how many images."""
    holding.follow(f"set of {policy.version}", [policy])
    for number in range(start, start + 1_000):
        if holding.count(float(number), str(number), signals(number), BLOCKED):
            return number - start + 1
    raise AssertionError("it is not held")


class TestTheBound:
    def test_a_few_of_a_few_are_no_alarm(self) -> None:
        assert not any(beyond(3, flagged, 0.005) for flagged in range(4))
        assert not beyond(11, 11, 0.005)
        assert beyond(12, 12, 0.005)

    @given(counts, counts, rates)
    def test_one_more_flagged_never_lets_a_policy_go_and_one_more_allowed_never_holds_it(
        self, flagged: int, allowed: int, rate: float
    ) -> None:
        if beyond(flagged + allowed, flagged, rate):
            assert beyond(flagged + allowed + 1, flagged + 1, rate)
        else:
            assert not beyond(flagged + allowed + 1, flagged, rate)

    @given(counts, st.floats(0, 1), rates)
    def test_what_is_within_twice_the_limit_never_holds(self, images: int, share: float, rate: float) -> None:
        assert not beyond(images, int(share * 2 * rate * images), rate)

    @given(counts, counts, rates, rates)
    def test_a_higher_limit_holds_no_sooner(self, flagged: int, allowed: int, one: float, other: float) -> None:
        low, high = sorted((one, other))
        assert beyond(flagged + allowed, flagged, low) or not beyond(flagged + allowed, flagged, high)


class TestTheWindow:
    @given(st.lists(st.tuples(st.floats(0, 5_000), st.integers(0, 5)), max_size=60))
    def test_it_holds_nothing_older_than_its_time_all_of_nine_tenths_and_few_numbers(
        self, added: list[tuple[float, int]]
    ) -> None:
        window, added = Window(600.0), sorted(added)
        for now, images in added:
            window.add(now, images, 0)
            found, _ = window.counts(now)
            assert (
                sum(each for at, each in added if now - 540 < at < now) - sum(each for at, each in added if at == now)
                <= found
                <= sum(each for at, each in added if now - 600 <= at <= now)
            )
            assert len(window._buckets) <= BUCKETS

    def test_a_clock_that_goes_back_loses_nothing(self) -> None:
        window = Window(600.0)
        window.add(1_000.0, 5, 1)
        window.add(10.0, 5, 1)
        assert window.counts(10.0) == (10, 2)


class TestRepeats:
    def test_the_same_bytes_are_new_once_while_they_are_remembered(self) -> None:
        hashes = Hashes(2)
        assert [hashes.new(each) for each in "aabacab"] == [True, False, True, False, True, False, True]

    def test_a_view_that_is_nearly_the_same_is_not_new_and_one_that_comes_again_stays(self) -> None:
        rng, views = np.random.default_rng(0), Views(most=3)
        one, *others = (simulated.unit(rng.normal(size=64)) for _ in range(6))
        assert views.new(one)
        for other in others:
            assert views.new(other)
            assert not views.new(simulated.unit(one + 0.01 * rng.normal(size=64)))
        assert views.new(others[0])


class TestHolding:
    def test_a_held_policy_stays_held_however_few_it_flags(self) -> None:
        holding = Holding()
        gone_over(holding)
        for number in range(2_000, 4_000):
            assert not holding.count(float(number), str(number), signals(0), ALLOWED)
        assert list(holding.held) == ["weapons"]
        assert str(holding.held["weapons"]).startswith(
            "weapons flagged 12 of 12 images, over its limit of 0.5% per 10m"
        )

    def test_another_version_is_not_held_and_counts_anew(self) -> None:
        holding = Holding()
        gone_over(holding)
        assert gone_over(holding, another(WEAPONS, "v2"), start=2_000) == 12

    def test_a_batch_that_is_still_decided_by_the_last_set_finds_it_held(self) -> None:
        holding = Holding()
        gone_over(holding)
        holding.follow("edited", [another(WEAPONS, "v2")])
        assert not holding.held
        holding.follow("set of v1", [WEAPONS])
        assert list(holding.held) == ["weapons"]
        holding.follow("edited", [another(WEAPONS, "v2")])
        assert not holding.held

    def test_an_edit_of_another_policy_lets_none_go(self) -> None:
        holding = Holding()
        gone_over(holding)
        holding.follow("another set", [WEAPONS, Policy("dice", "Dice", ("dice",), {"block": 0.9}, version="v1")])
        assert list(holding.held) == ["weapons"]
        assert list(holding.limited) == ["weapons"]

    def test_a_person_releases_it_and_it_counts_anew(self) -> None:
        holding = Holding()
        gone_over(holding)
        assert holding.release("weapons", 5.0)
        assert not holding.held
        assert not holding.release("weapons", 6.0)

    @given(st.lists(st.tuples(st.sampled_from(["weapons", "dice"]), st.sampled_from(["label", "review", "block"]))))
    def test_what_is_held_is_never_allowed_and_only_its_blocks_are_milder(self, found: list[tuple[str, str]]) -> None:
        holding = Holding()
        gone_over(holding)
        matches = [Match(policy, "v1", action, 0.9, 0.5, "it", 0.9) for policy, action in dict(found).items()]  # type: ignore[arg-type]
        judged = Judgement({match.policy: match.score for match in matches}, matches, [])
        made = held_back(judged, holding.held)
        assert SEVERITY[made.verdict] >= min(SEVERITY[judged.verdict], SEVERITY["review"])
        for match in made.matches:
            was = next(each for each in matches if each.policy == match.policy)
            held = match.policy == "weapons" and was.action == "block"
            assert (match.action, match.judged or match.action) == ("review" if held else was.action, was.action)
        assert len(notes_of(made, holding.held)) == sum(bool(match.judged) for match in made.matches)


class TestStreams:
    """What the simulation prints of more streams, of a few."""

    def test_a_picture_that_goes_round_holds_nothing(self) -> None:
        assert simulated.held_at(simulated.viral, 4_000, seed=1) is None

    def test_what_keeps_to_its_limit_is_not_held(self) -> None:
        assert simulated.held_at(simulated.bad_wording(0.005), 4_000, seed=1) is None

    @pytest.mark.parametrize(("share", "most"), [(0.05, 3_000), (0.2, 300), (1.0, 12)])
    def test_a_bad_wording_is_held_within_so_many_images(self, share: float, most: int) -> None:
        assert simulated.held_at(simulated.bad_wording(share), most, seed=1) is not None
