"""A policy over its limit, on the path: blocks become reviews, both are recorded, and it can be told again."""

from __future__ import annotations

import threading

import numpy as np
from msgspec.structs import replace
from structlog.testing import capture_logs

from pipeline.adapters.memory.counts import MemoryCounts
from pipeline.adapters.memory.standings import MemoryStandings
from pipeline.items import Batch, Item
from pipeline.path.decide import Decide
from pipeline.path.limits import PolicyLimits
from pipeline.ports import Hooks
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.limits.counts import Counts
from pipeline.rules.limits.standing import Standing
from pipeline.rules.policies.policy_set import Defaults, Limits, Policy, PolicySet
from pipeline.rules.sameness import compared
from pipeline.signals import WHOLE, Signals, regions_of
from pipeline.wire import Decision, Event, as_judged, decision_json, parse_decision
from tests.archive.made import MADE_BY
from tests.rules.limits.simulated import unit
from workers.policies.shared_limits import shared_limits

KNIFE, TREE = (unit(np.eye(64)[at]) for at in (0, 1))
WEAPONS = Policy("weapons", "Weapons", ("knife",), {"block": 0.9}, version="v1", limits=Limits(0.005, 600.0))


def compiled(policy: Policy = WEAPONS) -> CompiledPolicies:
    live = PolicySet((policy,), Defaults(background=("tree",)))
    return compile_policies(live, {"knife": KNIFE, "tree": TREE}, 20.0, None)


LIVE = compiled()


class Heard(Hooks):
    def __init__(self) -> None:
        self.held_policies: list[dict[str, bool]] = []
        self.workers: list[int] = []

    def held(self, policies: object) -> None:
        self.held_policies.append(dict(policies))  # type: ignore[call-overload]

    def limits_go_by(self, workers: int) -> None:
        self.workers.append(workers)


def decided(count: int, limits: PolicyLimits | None, policy: Policy = WEAPONS, start: int = 0) -> list[Decision]:
    """Decisions on that many different images of knives."""
    live = compiled(policy)
    rng = np.random.default_rng(start)
    items = []
    for number in range(start, start + count):
        item = Item(Event("t", 0, number, b"k", b"%d" % number), content_sha256=str(number))
        view = unit(0.6 * KNIFE + unit(rng.normal(size=64)))
        item.signals = Signals(view[None], regions_of([WHOLE]), MADE_BY)
        items.append(item)
    Decide(lambda: live, lambda: 5.0, limits=limits)(Batch(items))
    return [item.decision for item in items if item.decision is not None]


def test_blocks_become_reviews_from_the_image_on_that_is_too_many_and_both_are_recorded() -> None:
    heard = Heard()
    found = decided(20, PolicyLimits(heard))
    assert [each.verdict for each in found] == ["block"] * 11 + ["review"] * 9
    (match,) = found[-1].matches
    assert (match.action, match.judged, match.threshold) == ("review", "block", 0.9)
    assert found[-1].notes == ["weapons is over its limit of 0.5% per 10m: block became review"]
    assert b'"judged"' not in decision_json(found[0])
    assert parse_decision(decision_json(found[-1])) == found[-1]
    assert heard.held_policies == [{"weapons": False}, {"weapons": True}]


def test_without_limits_at_work_or_of_the_policy_nothing_is_held() -> None:
    free = Policy("weapons", "Weapons", ("knife",), {"block": 0.9}, version="v1")
    assert {each.verdict for each in (*decided(20, None), *decided(20, PolicyLimits(Hooks()), free))} == {"block"}


def test_a_held_decision_made_again_without_the_limit_is_the_same() -> None:
    """So a replay says that it is identical, and a backtest compares what was judged."""
    held, judged = decided(20, PolicyLimits(Hooks()))[-1], decided(20, None)[-1]
    assert held.verdict != judged.verdict
    assert compared(held, judged).same
    assert replace(as_judged(held), decision_id=judged.decision_id) == judged
    other = replace(judged, matches=[], verdict="allow")
    assert not compared(held, other).same


def test_no_decision_id_has_two_verdicts_when_an_event_comes_again_after_its_policy_was_held() -> None:
    limits = PolicyLimits(Hooks())
    first, again, once_more = decided(20, limits)[0], decided(1, limits)[0], decided(1, limits)[0]
    assert (first.verdict, again.verdict) == ("block", "review")
    assert first.event_id == again.event_id
    assert first.decision_id != again.decision_id == once_more.decision_id
    assert first.decision_id == decided(1, None)[0].decision_id


def test_the_worker_lets_go_when_it_is_told_to() -> None:
    limits = PolicyLimits(Hooks())
    decided(20, limits)
    assert limits.held() == "weapons flagged 12 of 12 images, over its limit of 0.5% per 10m"
    limits.release()
    assert decided(1, limits, start=100)[0].verdict == "block"
    assert limits.held() is None


def test_what_one_worker_saw_holds_in_all_and_so_does_a_release() -> None:
    fleet = MemoryStandings()
    one, other = (PolicyLimits(Hooks(), lambda: 50.0) for _ in range(2))
    decided(12, one)
    assert decided(1, other)[0].verdict == "block"
    for worker in (one, other):
        worker.share(fleet, MemoryCounts({}))
    assert decided(1, other, start=50)[0].verdict == "review"
    fleet.put({next(iter(fleet.get(["weapons:v1"]) or {})): Standing(20.0)})
    for worker in (one, other):
        worker.share(fleet, MemoryCounts({}))
    assert [decided(1, worker, start=100)[0].verdict for worker in (one, other)] == ["block", "block"]


def test_a_policy_is_held_by_what_all_workers_saw_and_none_would_hold_it_for_alone() -> None:
    standings, counted = MemoryStandings(), dict[MemoryCounts, Counts]()
    fleet = [(PolicyLimits(Hooks(), lambda: 50.0), MemoryCounts(counted)) for _ in range(4)]
    for number, (worker, counts) in enumerate(fleet):
        decided(3, worker, start=100 * number)
        worker.share(standings, counts)
    assert [worker.held() for worker, _ in fleet[:-1]] == [None] * 3
    assert fleet[-1][0].held() == "weapons flagged 12 of 12 images, over its limit of 0.5% per 10m"
    for worker, counts in fleet:
        worker.share(standings, counts)
    assert decided(1, fleet[0][0], start=900)[0].verdict == "review"


def test_pictures_that_go_round_come_to_all_workers_and_hold_nothing() -> None:
    standings, counted = MemoryStandings(), dict[MemoryCounts, Counts]()
    for _ in range(10):
        worker, counts = PolicyLimits(Hooks(), lambda: 50.0), MemoryCounts(counted)
        decided(5, worker)
        worker.share(standings, counts)
        assert worker.held() is None


def test_who_was_released_counts_anew_together() -> None:
    standings, counted = MemoryStandings(), dict[MemoryCounts, Counts]()
    one, other = ((PolicyLimits(Hooks(), lambda: 50.0), MemoryCounts(counted)) for _ in range(2))
    decided(11, one[0])
    one[0].share(standings, one[1])
    decided(11, other[0], start=100)
    standings.put({"weapons:v1": Standing(20.0)})
    other[0].share(standings, other[1])
    assert other[0].held() is None, "what was counted before the release counts no more"
    decided(11, other[0], start=200)
    other[0].share(standings, other[1])
    assert other[0].held() is None, "nor does what a worker says that did not hear of it yet"


def test_a_worker_says_whose_counts_it_goes_by() -> None:
    heard, standings, counted = Heard(), MemoryStandings(), dict[MemoryCounts, Counts]()
    worker, counts = PolicyLimits(heard, lambda: 50.0), MemoryCounts(counted)
    worker.share(standings, counts)
    assert heard.workers == [], "no policy has a limit yet"
    decided(1, worker)
    MemoryCounts(counted).exchange({})
    worker.share(standings, counts)
    standings.away = True
    with capture_logs() as logged:
        worker.share(standings, counts)
        worker.share(standings, counts)
    standings.away = False
    worker.share(standings, counts)
    assert heard.workers == [2, 0, 2]
    assert [line["event"] for line in logged] == ["limits_alone"]


def test_a_fleet_that_does_not_answer_or_forgets_lets_nothing_go() -> None:
    fleet, worker = MemoryStandings(), PolicyLimits(Hooks(), lambda: 50.0)
    decided(12, worker)
    fleet.away = True
    worker.share(fleet, MemoryCounts({}))
    fleet.away = False
    worker.share(fleet, MemoryCounts({}))
    assert fleet.get(["weapons:v1"]) == {"weapons:v1": Standing(5.0, 12, 12)}
    forgetful = MemoryStandings()
    worker.share(forgetful, MemoryCounts({}))
    assert forgetful.get(["weapons:v1"]) == fleet.get(["weapons:v1"])
    assert worker.held() is not None


def test_what_claims_to_come_from_tomorrow_is_not_believed() -> None:
    fleet, worker = MemoryStandings(), PolicyLimits(Hooks(), lambda: 50.0)
    decided(1, worker)
    fleet.put({"weapons:v1": Standing(90_000.0, 5, 5)})
    worker.share(fleet, MemoryCounts({}))
    assert worker.held() is None


def test_a_thread_shares_until_the_worker_ends() -> None:
    fleet, worker, stop = MemoryStandings(), PolicyLimits(Hooks(), lambda: 50.0), threading.Event()
    decided(12, worker)
    with shared_limits(worker, lambda: LIVE, (fleet, MemoryCounts({})), stop, 10.0, every=0.001):
        assert fleet.get(["weapons:v1"]), "it has shared once before the first image comes"
        fleet.put({"weapons:v1": Standing(20.0)})
        while worker.held():
            stop.wait(0.001)
    assert stop.is_set()
    with shared_limits(worker, lambda: LIVE, None, threading.Event(), 10.0):
        pass


def test_a_worker_that_starts_anew_obeys_from_the_first_image_on() -> None:
    fleet, before, after = MemoryStandings(), *(PolicyLimits(Hooks(), lambda: 50.0) for _ in range(2))
    decided(12, before)
    before.share(fleet, MemoryCounts({}))
    with shared_limits(after, lambda: LIVE, (fleet, MemoryCounts({})), threading.Event(), 10.0):
        assert decided(1, after, start=100)[0].verdict == "review"
