"""The screen never says what a decision would not: a score is always between its bounds, and they are narrow."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.archive.archive import TOGETHER, Archive, Block
from pipeline.archive.screen import upper
from pipeline.lab.backtest.bounds import LookAtAll
from pipeline.lab.backtest.engine import COLUMNS, Question
from pipeline.lab.backtest.record import Record
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.rules.policies.policy_set import PolicySet, policy_version
from tests.lab.backtest.test_engine import NEW, SIGMOID, SOFTMAX, World, world
from tests.lab.backtest.world import Model, archived, asked, decide, folder, images, policy, records

__all__ = ["world"]
_SENTENCES = [
    "a knife",
    "a dagger",
    "flames",
    "a die",
    "a bottle",
    "a fork",
    "thing 1",
    "thing 2",
    "thing 3",
    "flames~",
]
_BACKGROUND = [f"thing {number}" for number in range(12)]


def _thresholds_at(policy_set: PolicySet, scores: dict[str, list[float]], pick: int) -> PolicySet:
    """Every threshold is exactly some image's score, as adversaries and calibration have it."""
    moved = []
    for number, each in enumerate(policy_set.policies):
        found = sorted(set(scores.get(each.id, [])) | {0.5})
        chosen = sorted(found[(pick + number + 7 * at) % len(found)] for at in range(len(each.actions)))
        actions = dict(zip(sorted(each.actions, key=["label", "review", "block"].index), chosen, strict=True))
        made = replace(each, actions=actions)
        moved.append(replace(made, version=policy_version(made, policy_set.defaults)))
    return replace(policy_set, policies=tuple(moved))


def _same(one: Record, other: Record) -> None:
    assert one == other


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "summed"])
def test_a_folder_at_thresholds_that_are_scores(world: World, stored: bool) -> None:
    model = SOFTMAX if world.new.prompts.logit_bias is None else SIGMOID
    first = world.decided(world.new)
    scores = {each: [decision.scores[each] for day in first for decision in day] for each in world.new.ids}
    for pick in range(3):
        new = model.compiled(_thresholds_at(NEW, scores, 31 * pick))
        before = world.decided(world.old)
        archive = archived(
            *(records(s, world.old, d, stored=stored) for s, d in zip(world.shown, before, strict=True))
        )
        for question in (Question(new, nearest=3), Question(new, world.old, nearest=3)):
            fast, _ = asked(archive, question, FastLook(question.sets))
            slow, _ = asked(archive, question, LookAtAll(question.sets))
            _same(fast, slow)


@st.composite
def _sets(draw: st.DrawFn) -> PolicySet:
    policies = []
    for number in range(draw(st.integers(1, 3))):
        words = draw(st.permutations(_SENTENCES))
        cut, end = draw(st.integers(1, 3)), draw(st.integers(3, 6))
        policies.append(
            policy(
                f"p{number}",
                words[:cut],
                {"label": 0.2, "review": 0.5, "block": 0.8},
                unless=tuple(words[cut:end]),
                mode=draw(st.sampled_from(["enforce", "shadow", "off"])),
            )
        )
    background = _BACKGROUND[: draw(st.sampled_from([0, 3, 12]))]
    if background and draw(st.booleans()):
        background = [*background, "a knife~", "flames~"]
    return folder(policies, background, too_close=draw(st.sampled_from([0.5, 0.9, 1.0])))


@settings(max_examples=80, deadline=None)
@given(_sets(), _sets(), st.integers(0, 10_000), st.booleans(), st.sampled_from([1.0, 12.0, 100.0]), st.booleans())
def test_chance_makes_no_difference_to_judging_everything(
    old: PolicySet, new: PolicySet, seed: int, sigmoid: bool, scale: float, coarse: bool
) -> None:
    with TemporaryDirectory() as at, pytest.MonkeyPatch.context() as patched:
        patched.setattr(upper, "LEFT", 1.0)  # so few rows are ruled out that it would not pay
        _no_difference(old, new, seed, sigmoid, scale, Path(at) if coarse else None)


def _no_difference(old: PolicySet, new: PolicySet, seed: int, sigmoid: bool, scale: float, at: Path | None) -> None:
    model = Model(scale, -scale / 2 if sigmoid else None, seed % 5)
    rng = np.random.default_rng(seed)
    shown = images(40, rng, [model.direction(each) for each in _SENTENCES[:5]], views=(1, 2), closer=0.3)
    compiled = model.compiled(old)
    decisions = decide(shown, model.compiled(new))
    scores = {each: [decision.scores[each] for decision in decisions] for each in model.compiled(new).ids}
    archive = archived(records(shown, compiled, decide(shown, compiled)), at=at)
    question = Question(model.compiled(_thresholds_at(new, scores, seed)), nearest=3)
    fast, _ = asked(archive, question, FastLook(question.sets))
    slow, _ = asked(archive, question, LookAtAll(question.sets))
    _same(fast, slow)
    for least in (0.0, 1e-3, 0.3, 0.9, 1.0):
        _within(archive, question, least)


def _within(archive: Archive, question: Question, least: float) -> None:
    """Events that are told of lie within their bounds, and the others below what was asked for."""
    fast, slow = FastLook(question.sets), LookAtAll(question.sets)
    enough = [np.full(len(each.ids), least) for each in question.sets]
    for block in archive.blocks(archive.segments(), COLUMNS, mapped=TOGETHER):
        for bounds, exact in zip(fast(block, enough), slow(block, enough), strict=True):
            assert (bounds.low <= exact.low[bounds.events]).all()
            assert (bounds.high >= exact.high[bounds.events]).all()
            others = np.setdiff1d(np.arange(block.events), bounds.events)
            assert (exact.high[others] < least).all()


@pytest.mark.parametrize("background", [[], _BACKGROUND])
def test_sentences_too_far_off_for_float32_are_not_guessed_at(background: list[str]) -> None:
    """As under a policy of which no sentence is near the image, beside another that describes it."""
    model = Model(scale=100.0)
    policies = [
        policy(f"p{number}", [one], {"review": 0.5}, unless=[other])
        for number, (one, other) in enumerate([("flames", "a die"), ("a knife", "a dagger"), ("thing 1", "a bottle")])
    ]
    compiled = model.compiled(folder(policies, background))
    shown = images(300, np.random.default_rng(3), [model.direction("flames")])
    archive = archived(records(shown, compiled, decide(shown, compiled)))
    for least in (0.0, 1e-3, 0.5):
        _within(archive, Question(compiled), least)


def test_of_rows_that_coarse_features_rule_out_no_features_are_read(tmp_path: Path) -> None:
    model = Model(scale=30.0)
    shown = images(4000, np.random.default_rng(3))
    compiled = model.compiled(folder([policy("knives", ["a knife"], {"review": 0.5})], _BACKGROUND))
    made = records(shown, compiled, decide(shown, compiled))
    archive = archived(made[:2000], made[2000:], at=tmp_path)
    screen, read = FastLook([compiled]), 0
    for block in archive.blocks(archive.segments(), COLUMNS, mapped=TOGETHER):
        looked = _Counting(block)
        screen(looked, [compiled.lowest])
        read += looked.read
        assert "pieces" not in vars(looked)
    assert read < 1500


def test_coarse_features_of_other_rows_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upper, "LEFT", 1.0)
    model = Model(scale=30.0)
    shown = images(300, np.random.default_rng(3), [model.direction("a knife")])
    compiled = model.compiled(folder([policy("knives", ["a knife"], {"review": 0.5})], _BACKGROUND))
    archive = archived(records(shown, compiled, decide(shown, compiled)), at=tmp_path)
    (block,) = archive.blocks(archive.segments(), COLUMNS, mapped=TOGETHER)
    (right,) = FastLook([compiled])(block, [compiled.lowest])
    assert block.coarse is not None
    block.coarse = replace(block.coarse, codes=[each[::-1] for each in block.coarse.codes])
    (found,) = FastLook([compiled])(block, [compiled.lowest])
    assert len(right.events) > 20
    assert found.events.tolist() == right.events.tolist()


class _Counting(Block):
    """A block that says of how many rows features were read."""

    def __init__(self, block: Block) -> None:
        vars(self).update({each.name: getattr(block, each.name) for each in fields(block)})
        self.read = 0

    def views(self, rows: np.ndarray) -> np.ndarray:
        self.read += len(rows)
        return np.concatenate(self.mapped or [])[rows]


def test_bounds_are_narrow_where_nothing_cancels() -> None:
    model = Model(scale=30.0)
    shown = images(300, np.random.default_rng(3), [model.direction("a knife")])
    compiled = model.compiled(folder([policy("knives", ["a knife"], {"review": 0.5})], _BACKGROUND))
    archive = archived(records(shown, compiled, decide(shown, compiled)))
    (block,) = archive.blocks(archive.segments(), COLUMNS)
    (bounds,) = FastLook([compiled])(block, [np.zeros(1)])
    assert (bounds.high - bounds.low).max() < 0.002


def test_a_stored_sum_of_other_texts_is_not_believed() -> None:
    """As when a worker's texts were encoded by other arithmetic: what was stored is not what is judged by here."""
    model = Model()
    shown = images(60, np.random.default_rng(3), [model.direction("a knife")])
    compiled = model.compiled(folder([policy("knives", ["a knife"], {"review": 0.5})], _BACKGROUND))
    decisions = decide(shown, compiled)
    good = records(shown, compiled, decisions)
    bad = [replace_lse(record, np.frombuffer(record.background_lse, "<f4") + np.float32(0.5)) for record in good]
    question = Question(compiled, nearest=3)
    fast, _ = asked(archived(bad), question, FastLook(question.sets))
    slow, _ = asked(archived(good), question)
    assert fast.verdicts == slow.verdicts
    assert fast.policies[0].thresholds == slow.policies[0].thresholds


def replace_lse(record, lse):
    import msgspec

    return msgspec.structs.replace(record, background_lse=lse.astype("<f4").tobytes())
