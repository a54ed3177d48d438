"""What a backtest counts is what the worker decides of the same images by the same folder, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from pipeline.lab.backtest.bounds import LookAtAll
from pipeline.lab.backtest.engine import Question
from pipeline.lab.backtest.moves import OUTCOMES, Moves
from pipeline.lab.backtest.record import Record
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.rules.archive.denied import Kind
from pipeline.rules.archive.denied import erased as erase
from pipeline.rules.heads import CompiledPolicies
from pipeline.signals import Features, Signals
from pipeline.wire import Decision, rfc3339
from tests.archive.made import NOON
from tests.lab.backtest.world import DAY, Model, archived, asked, decide, folder, images, policy, records

BACKGROUND = [f"thing {number}" for number in range(40)]
OLD = folder(
    [
        policy("knives", ["a knife", "a dagger"], {"label": 0.2, "review": 0.5, "block": 0.8}, unless=["a fork"]),
        policy("fire", ["flames"], {"review": 0.4}),
        policy("dice", ["a die", "a card"], {"review": 0.3}, mode="shadow"),
        policy("spirits", ["a bottle"], {"block": 0.6}, mode="off"),
        policy("smoke", ["a pipe"], {"label": 0.5}),
    ],
    [*BACKGROUND, "a knife~", "flames~"],
)
NEW = folder(
    [
        policy("knives", ["a knife", "a sabre"], {"label": 0.3, "block": 0.7}, unless=["a fork", "thing 3"]),
        policy("fire", ["flames"], {"review": 0.4}, mode="shadow"),
        policy("dice", ["a die", "a card"], {"review": 0.3}),
        policy("spirits", ["a bottle"], {"block": 0.6}),
        policy("poison", ["a skull", "thing 5"], {"review": 0.5, "block": 0.9}),
    ],
    [*BACKGROUND, "a knife~", "flames~"],
)


@dataclass(frozen=True)
class World:
    old: CompiledPolicies
    new: CompiledPolicies
    shown: list[list[Signals]]
    """Of each day."""

    @classmethod
    def of(cls, model: Model, *further: Features) -> World:
        """`further` says what else images show."""
        rng = np.random.default_rng(5)
        toward = [model.direction(each) for each in ("a knife", "flames", "a die", "a bottle", "a pipe", "a skull")]
        shown = [images(90, rng, [*toward, *further], views=(1, 3, 1, 2), closer=0.3) for _ in range(3)]
        return cls(model.compiled(OLD), model.compiled(NEW), shown)

    def decided(self, by: CompiledPolicies) -> list[list[Decision]]:
        return [decide(shown, by, day=day, first=100 * day) for day, shown in enumerate(self.shown)]


SOFTMAX, SIGMOID = Model(), Model(scale=9.0, bias=-6.0)


@pytest.fixture(params=[SOFTMAX, SIGMOID], ids=["softmax", "sigmoid"], scope="module")
def world(request: pytest.FixtureRequest) -> World:
    return World.of(request.param)


def _outcomes(decision: Decision) -> dict[str, str]:
    return {match.policy: match.action for match in (*decision.matches, *decision.shadow)}


def _expected(before: Sequence[Decision], after: Sequence[Decision], policy: str | None = None) -> Moves:
    """What two workers decided of the same images, counted: of the verdict, or of one policy."""
    cells = [0] * 16
    for was, now in zip(before, after, strict=True):
        one, other = (each.verdict if policy is None else _outcomes(each).get(policy, "allow") for each in (was, now))
        cells[4 * OUTCOMES.index(one) + OUTCOMES.index(other)] += 1  # type: ignore[arg-type]
    return Moves(tuple(cells))


def check(record: Record, before: list[list[Decision]], after: list[list[Decision]]) -> None:
    """Every figure of a record of whole folders."""
    for number, (was, now) in enumerate(zip(before, after, strict=True)):
        assert record.days[number].day == rfc3339(NOON + number * DAY)[:10]
        assert record.days[number].moves == _expected(was, now)
        for each in record.policies:
            assert each.days[number].moves == _expected(was, now, each.policy), each.policy
    every = [decision for day in after for decision in day]
    together = Counter(
        (one, other) for each in every for one in _outcomes(each) for other in _outcomes(each) if one != other
    )
    for each in record.policies:
        assert each.overlap == {
            other: together[each.policy, other] for one, other in sorted(together) if one == each.policy
        }
        for threshold in each.thresholds:
            scores = {each_.event_id: each_.scores[each.policy] for each_ in every}
            reached = sorted(score - threshold.threshold for score in scores.values() if score >= threshold.threshold)
            missed = sorted(threshold.threshold - score for score in scores.values() if score < threshold.threshold)
            assert [near.score - threshold.threshold for near in threshold.above] == reached[:3]
            assert [threshold.threshold - near.score for near in threshold.below] == missed[:3]
            for near in (*threshold.above, *threshold.below):
                assert near.score == scores[near.event_id]


class TestAWholeFolder:
    def test_beside_what_was_decided(self, world: World) -> None:
        before, after = world.decided(world.old), world.decided(world.new)
        archive = archived(*(records(s, world.old, d) for s, d in zip(world.shown, before, strict=True)))
        record, _ = asked(archive, Question(world.new, nearest=3))
        assert {each.policy for each in record.policies} == {"knives", "fire", "dice", "spirits", "poison", "smoke"}
        check(record, before, after)

    def test_beside_another_folder_whatever_was_decided(self, world: World) -> None:
        before, after = world.decided(world.old), world.decided(world.new)
        archive = archived(*(records(s, world.new, d) for s, d in zip(world.shown, after, strict=True)))
        record, _ = asked(archive, Question(world.new, world.old, nearest=3))
        check(record, before, after)

    @pytest.mark.parametrize("erased", [False, True])
    def test_from_files_that_are_mapped(self, world: World, tmp_path: Path, erased: bool) -> None:
        before, after = world.decided(world.old), world.decided(world.new)
        made = [records(s, world.old, d) for s, d in zip(world.shown, before, strict=True)]
        archive = archived(*made, at=tmp_path)
        if erased:  # rows of a mapped page that nobody may see
            archive.deny_list.add([erase(Kind.IMAGE, "7")], rfc3339(NOON))
            before, after = (
                [[each for each in day if each.image_id != "7"] for day in side] for side in (before, after)
            )
        for look in (FastLook, LookAtAll):
            question = Question(world.new, nearest=3)
            record, _ = asked(archive, question, look(question.sets))
            check(record, before, after)

    def test_the_same_folder_changes_nothing(self, world: World) -> None:
        before = world.decided(world.old)
        archive = archived(*(records(s, world.old, d) for s, d in zip(world.shown, before, strict=True)))
        record, _ = asked(archive, Question(world.old, nearest=3))
        assert record.verdicts.new == record.verdicts.let_go == record.verdicts.severer == record.verdicts.milder == 0
        assert record.verdicts.flagged > 20
        check(record, before, before)


def test_of_one_policy_the_others_keep_what_they_had(world: World) -> None:
    before, after = world.decided(world.old), world.decided(world.new)
    archive = archived(*(records(s, world.old, d) for s, d in zip(world.shown, before, strict=True)))
    alone = folder([NEW.policies[0]], NEW.defaults.background)
    model = SOFTMAX if world.new.prompts.logit_bias is None else SIGMOID
    record, _ = asked(archive, Question(model.compiled(alone), only="knives", nearest=3))
    flat_before, flat_after = list(chain(*before)), list(chain(*after))
    by_policy = record.by_policy
    assert by_policy["knives"].moves == _expected(flat_before, flat_after, "knives")
    assert by_policy["fire"].moves == _expected(flat_before, flat_before, "fire")
    assert not by_policy["fire"].judged
    severity = {verdict: at for at, verdict in enumerate(OUTCOMES)}
    for verdict in OUTCOMES:
        mixed = 0
        for was, now in zip(flat_before, flat_after, strict=True):
            others = [each.action for each in was.matches if each.policy != "knives"]
            ours = [each.action for each in now.matches if each.policy == "knives"]
            mixed += max(["allow", *others, *ours], key=severity.__getitem__) == verdict
        assert record.verdicts.after[verdict] == mixed
