"""Archived events decided anew: each at most once for a reader who follows what supersedes what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.adapters.memory import MemoryBroker, MemoryWriter
from pipeline.adapters.memory.store import MemoryStore
from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.archive.archive import Archive
from pipeline.archive.redecided import Redecisions
from pipeline.errors import PublishError
from pipeline.lab.backtest.bounds import LookAtAll
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.remembered import remembered, signals_of
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.judging import judge
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.times import Window
from pipeline.signals import Features
from pipeline.wire import Decision, FeaturesRecord, Topics, parse_decision
from tests.archive.made import NOON, decision, keep, some_signals
from tests.e2e.policies_under_test import FILES, policy
from workers.history.publishing import Publishing
from workers.history.redecide import Redeciding, newest_in
from workers.history.settled import COLUMNS, Settled


def compiled(**thresholds: float) -> CompiledPolicies:
    """Policies of the tests with these thresholds to block, over sentences in random directions."""
    files = {name: text.encode() for name, text in FILES.items()}
    files |= {f"{name}.yaml": policy(name, [name], {"block": at}).encode() for name, at in thresholds.items()}
    policy_set = parse_policies({name: files[name] for name in files if name[0] == "_" or name[:-5] in thresholds})
    rows = {sentence: _direction(sentence) for sentence in policy_set.sentences()}
    return compile_policies(policy_set, rows, 5.0, None)


def _direction(sentence: str) -> Features:
    row = np.random.default_rng(list(sentence.encode())).normal(size=16).astype(np.float32)
    return row / np.linalg.norm(row)


FIRST, SECOND, THIRD = compiled(knife=0.2), compiled(knife=0.1), compiled(knife=0.15, dice=0.1)


def decided(number: int, policies: CompiledPolicies, **fields: Any) -> FeaturesRecord:
    signals = some_signals(1 + number % 3, np.random.default_rng(number))
    found = judge([signals], policies)[0]
    said = decision(number, signals, NOON + number, verdict=found.verdict, matches=found.matches, scores=found.scores)
    return remembered(replace(said, policy_set=policies.policy_set.version, **fields), signals, subject=f"s{number}")


class Told:
    """A publisher that is away after some answers, as a process is that was killed."""

    def __init__(self, broker: MemoryBroker, most: int = 10_000) -> None:
        self._publisher = RecordPublisher(MemoryWriter(broker), Topics("decisions", "letters"))
        self._left = most

    def publish(self, answers: Any) -> None:
        for answer in answers:
            if not self._left:
                raise PublishError("away")
            self._left -= 1
            self._publisher.publish([answer])

    def close(self) -> None:
        self._publisher.close()


class Rig:
    """An archive of 300 events in two segments, decided by FIRST, and the topic to which others are published."""

    def __init__(self) -> None:
        self.store, self.broker = MemoryStore(), MemoryBroker()
        self.records = [decided(number, FIRST) for number in range(299)]
        self.records.append(decided(299, FIRST, image_id="sluice-canary/knife"))
        keep(self.store, self.records[:150])
        keep(self.store, self.records[150:], start=150)
        self.now = NOON + 10_000

    def redecide(self, policies: CompiledPolicies, *, most: int = 10_000, at_once: int = 20, **how: Any) -> int:
        """Decide anew, as the command does; returns how many were found."""
        archive, found = Archive(self.store), 0
        self.now += 1_000
        asked = {"kind": "verdict", "named": frozenset(), "window": Window(), **how}
        how_to_look = FastLook([policies])
        work = Redeciding(
            archive, asked["window"], policies, asked["kind"], asked["named"], lambda: self.now, how_to_look
        )
        publishing = Publishing(archive, Told(self.broker, most), 1_000.0, clock=lambda: 0.0, sleep=lambda _: None)
        redecisions = Redecisions(self.store)
        for segment in archive.segments():
            known = redecisions.of(segment, segment.name.start + 150)
            publishing.finish(known)
            made = [each.made for each in work.changes(segment, newest_in(redecisions, known))]
            found += len(made)
            for start in range(0, len(made), at_once):
                publishing.publish(segment, known, made[start : start + at_once])
        return found

    def published(self) -> list[Decision]:
        return [parse_decision(event.value or b"") for event in self.broker.records("decisions")]

    def held_by_a_reader(self) -> dict[str, Decision]:
        """What a reader has of each event who takes a decision that names the one that he has, and no other."""
        held = {each.decision.event_id: each.decision for each in self.records}
        for each in self.published():
            if held[each.event_id].decision_id == each.supersedes:
                held[each.event_id] = each
        return held

    def by(self, policies: CompiledPolicies) -> dict[str, str]:
        """What these policies say of each event, without any archive."""
        found = judge([signals_of(each) for each in self.records], policies)
        return {each.decision.event_id: said.verdict for each, said in zip(self.records, found, strict=True)}


@pytest.fixture
def rig() -> Iterator[Rig]:
    return Rig()


def verdicts(held: dict[str, Decision]) -> dict[str, str]:
    return {event: each.verdict for event, each in held.items()}


CANARY = f"{299:032x}"


def without_canary(found: dict[str, str]) -> dict[str, str]:
    return {event: verdict for event, verdict in found.items() if event != CANARY}


def test_only_what_changes_is_published_and_exactly_as_the_policies_judge(rig: Rig) -> None:
    old, new = rig.by(FIRST), rig.by(SECOND)
    changed = {event for event in old if old[event] != new[event] and event != CANARY}
    assert len(changed) > 20
    assert rig.redecide(SECOND) == len(changed)
    published = rig.published()
    assert {each.event_id for each in published} == changed
    assert len(published) == len(changed)
    first = {each.decision.event_id: each.decision for each in rig.records}
    for each in published:
        assert each.supersedes == first[each.event_id].decision_id
        assert each.policy_set == SECOND.policy_set.version
    assert without_canary(verdicts(rig.held_by_a_reader())) == without_canary(new)
    assert rig.redecide(SECOND) == 0, "by these policies it is all decided"
    assert len(rig.published()) == len(changed)


@pytest.mark.parametrize("most", [0, 1, 19, 20, 21, 33])
def test_who_is_ended_goes_on_and_repeats_under_the_same_ids(rig: Rig, most: int) -> None:
    with pytest.raises(PublishError):
        rig.redecide(SECOND, most=most)
    rig.redecide(SECOND)
    published = rig.published()
    ids = [each.decision_id for each in published]
    assert len(set(ids)) == sum(
        was != now for was, now in zip(without_canary(rig.by(FIRST)).values(), rig.by(SECOND).values(), strict=False)
    )
    assert len(ids) - len(set(ids)) <= 20, "what was kept in one object, at most"
    assert without_canary(verdicts(rig.held_by_a_reader())) == without_canary(rig.by(SECOND))


@pytest.mark.parametrize("most", [0, 7, 20, 10_000])
def test_a_second_one_supersedes_the_newest_also_where_the_first_was_ended(rig: Rig, most: int) -> None:
    try:
        rig.redecide(SECOND, most=most)
    except PublishError:
        assert most < 10_000
    rig.redecide(THIRD)
    held = rig.held_by_a_reader()
    assert without_canary(verdicts(held)) == without_canary(rig.by(THIRD))
    ids = {each.decision_id for each in rig.published()}
    assert any(each.supersedes in ids for each in rig.published())


def test_going_back_to_the_policies_of_before_brings_back_their_verdicts(rig: Rig) -> None:
    rig.redecide(SECOND)
    rig.redecide(FIRST)
    assert without_canary(verdicts(rig.held_by_a_reader())) == without_canary(rig.by(FIRST))
    back = rig.published()[-1]
    assert back.decision_id != rig.records[0].decision.decision_id
    assert back.supersedes


def test_matches_may_be_asked_for_and_policies_and_a_time(rig: Rig) -> None:
    assert rig.redecide(THIRD, named=frozenset({"nobody"})) == 0
    window = Window(since=NOON + 100, until=NOON + 200)
    rig.redecide(THIRD, window=window, kind="matches")
    assert {int(each.event_id, 16) for each in rig.published()} <= set(range(100, 200))
    assert rig.published()


def test_canaries_and_what_is_erased_are_never_decided_anew(rig: Rig) -> None:
    event_id = next(event for event, said in rig.by(SECOND).items() if said != rig.by(FIRST)[event])
    name = f"image-{int(event_id, 16)}"
    with pytest.raises(PublishError):
        rig.redecide(SECOND, most=0)
    Archive(rig.store).deny_list.add([erased(Kind.IMAGE, name)], "2026-01-01T00:00:00.000Z")
    rig.redecide(SECOND)
    assert rig.published()
    assert not {name, "sluice-canary/knife"} & {each.image_id for each in rig.published()}


def test_it_goes_where_the_decisions_on_its_image_are(rig: Rig) -> None:
    rig.redecide(SECOND)
    for event in rig.broker.records("decisions"):
        said = parse_decision(event.value or b"")
        assert event.key == said.image_id.encode()
        assert event.header("ce_id") == said.decision_id
        assert event.header("ce_type") == "dev.sluice.decision.v2"


def test_it_keeps_to_its_rate() -> None:
    rig, slept = Rig(), list[float]()
    archive = Archive(rig.store)
    work = Redeciding(archive, Window(), SECOND, "verdict", (), lambda: NOON, FastLook([SECOND]))
    segment = archive.segments()[0]
    made = [each.made for each in work.changes(segment, {})][:20]
    Publishing(archive, Told(rig.broker), 4.0, clock=lambda: 0.0, sleep=slept.append).publish(segment, [], made)
    assert slept == [0.25 * number for number in range(20)]


@pytest.mark.parametrize("kind", ["verdict", "matches"])
def test_a_screen_spares_most_judgements_and_hides_no_change(rig: Rig, kind: Any) -> None:
    archive = Archive(rig.store)
    found = []
    for screen in (FastLook([SECOND]), LookAtAll([SECOND])):
        work = Redeciding(archive, Window(), SECOND, kind, (), lambda: NOON, screen)
        found.append([each.made for segment in archive.segments() for each in work.changes(segment, {})])
    assert found[0] == found[1]
    settled = Settled(SECOND, kind, FastLook([SECOND]))
    judged = sum(len(settled.maybe(block)) for block in archive.blocks(archive.segments(), COLUMNS))
    assert len(found[0]) <= judged < len(found[0]) + 30
