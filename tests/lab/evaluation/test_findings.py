"""What is measured of a model of scenes: counts that a person can follow, whatever the model is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.extract import Extracted
from pipeline.lab.evaluation.findings import (
    Amounts,
    Findings,
    Subject,
    encode_words,
    measure,
    measure_policies,
    measure_wordings,
)
from pipeline.lab.evaluation.shares import share
from pipeline.lab.evaluation.temperature import fit_scale
from pipeline.lab.hands.shown import Shown
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import KINDS
from pipeline.lab.scenes.wordings import held_out, is_composed
from pipeline.ports import EncoderSpec
from pipeline.rules.policies.policy_set import Policy
from pipeline.signals import Features, Signals
from tests.signals_made import split

SPEC = EncoderSpec(
    name="a parrot",
    fingerprint="0" * 16,
    dtype="float32",
    image_size=(8, 8),
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
    interpolation="bicubic",
    resize_mode="shortest",
    features=4096,
    context_length=32,
    logit_scale=20.0,
    logit_bias=None,
)
TOBACCO = Policy(id="tobacco", title="", prompts=("a cigarette",), actions={"block": 0.9, "label": 0.5})
RABBITS = Policy(id="rabbits", title="", prompts=("a rabbit",), actions={"label": 0.5})


@dataclass
class Words:
    """An encoder that gives every class a direction of its own, whichever template it comes through."""

    spec: EncoderSpec = SPEC
    seen: dict[str, int] = field(default_factory=dict)

    def encode_texts(self, texts: Sequence[str]) -> Features:
        bare = (text.removeprefix("a photo of ").removeprefix("a picture of ").removesuffix(".") for text in texts)
        return self.directions([word.removesuffix(".") for word in bare])

    def directions(self, words: Sequence[str]) -> Features:
        rows = np.zeros((len(words), self.spec.features), np.float32)
        for row, word in zip(rows, words, strict=True):
            row[self.seen.setdefault(word.removesuffix("."), len(self.seen))] = 1.0
        return rows


@dataclass(frozen=True)
class Told(Subject):
    """Sees nothing: it is told what ``right`` of a hundred images show, and takes the others for another class."""

    right: int = 100

    def extract(self, what: str, dataset: Dataset) -> Extracted:
        words: Any = self.encoder
        shown = [example.labels[0] if example.labels else "" for example in dataset.examples]
        wrong = [next(name for name in dataset.classes[:2] if name != word) for word in shown]
        known = [
            word if n % 100 < self.right else other for n, (word, other) in enumerate(zip(shown, wrong, strict=True))
        ]
        self.progress(what, len(shown), len(shown))
        return Extracted(tuple(dataset.examples), split(words.directions(known), [1] * len(shown)))


@dataclass
class Scored:
    """Stands for compiled policies: ``scores`` gives each policy's by the example's number."""

    policies: tuple[Policy, ...]
    columns: tuple[np.ndarray, ...]

    def look(self, images: Sequence[Signals]) -> SimpleNamespace:
        assert len(images) == len(self.columns[0])
        return SimpleNamespace(scores=np.stack(self.columns, axis=1))


def told(atlas: Atlas, right: int = 100, **given: Any) -> Told:
    return Told(Words(), SimpleNamespace(name="fast-8-bicubic"), atlas, 1, right=right, **given)  # type: ignore[arg-type]


def kept(atlas: Atlas, amounts: Amounts) -> list[dict[str, Any]]:
    """The labels of the scenes that policies are judged on, in order."""
    found: list[dict[str, Any]] = []

    @dataclass(frozen=True)
    class Looking(Told):
        def extract(self, what: str, dataset: Dataset) -> Extracted:
            found.extend({"labels": each.labels, "ignore": each.ignore} for each in dataset.examples)
            return super().extract(what, dataset)

    count = amounts.negatives + 11 * amounts.positives
    looking = Looking(Words(), None, atlas, 1)  # type: ignore[arg-type]
    measure_policies(looking, Scored((TOBACCO,), (np.zeros(count),)), amounts)  # type: ignore[arg-type]
    return found


def test_a_policy_is_judged_at_its_lowest_action_by_the_scenes_that_count_for_it(atlas: Atlas) -> None:
    """Three of four cigarettes found; one harmless scene flagged; what shows other policies' things is left out."""
    amounts = Amounts(scenes=1, each_word=1, positives=4, negatives=60)
    scenes = kept(atlas, amounts)
    scores = np.zeros(len(scenes))
    own = [index for index, each in enumerate(scenes) if "tobacco" in each["labels"]]
    others = [index for index, each in enumerate(scenes) if "tobacco" in each["ignore"]]
    harmless = [index for index in range(len(scenes)) if index not in {*own, *others}]
    scores[own[:3]] = [0.95, 0.7, 0.5]
    scores[harmless[0]] = 0.6
    scores[others] = 1.0
    (row,), ece = measure_policies(told(atlas), Scored((TOBACCO,), (scores,)), amounts)  # type: ignore[arg-type]
    assert (row.policy, row.action, row.threshold) == ("tobacco", "label", 0.5)
    assert row.recall == share(3, len(own))
    assert row.precision == share(3, 4)
    assert (row.false, row.negatives) == (1, len(harmless))
    assert len(own) + len(others) + len(harmless) == len(scenes)
    assert len(others) >= 10 * amounts.positives
    assert ece == row.ece > 0


def test_a_policy_that_flags_nothing_has_no_precision(atlas: Atlas) -> None:
    amounts = Amounts(scenes=1, each_word=1, positives=2, negatives=20)
    scores = np.zeros(20 + 22)
    (row,), _ = measure_policies(told(atlas), Scored((TOBACCO,), (scores,)), amounts)  # type: ignore[arg-type]
    assert np.isnan(row.precision.value)
    assert (row.recall.value, row.false) == (0.0, 0)


def test_a_policy_of_ones_own_that_no_emoji_is_about_is_left_out(atlas: Atlas) -> None:
    amounts = Amounts(scenes=1, each_word=1, positives=2, negatives=20)
    scores = np.zeros(20 + 22)
    both = Scored((RABBITS, TOBACCO), (scores + 1, scores))
    rows, _ = measure_policies(told(atlas), both, amounts)  # type: ignore[arg-type]
    assert [(row.policy, row.false) for row in rows] == [("tobacco", 0)]
    alone = Scored((RABBITS,), (scores,))
    assert measure_policies(told(atlas), alone, amounts) == ((), 0.0)  # type: ignore[arg-type]


def test_held_out_words_are_measured_apart_by_whether_their_parts_were_taught(atlas: Atlas) -> None:
    subject = told(atlas, right=70)
    found = measure_wordings(subject, 1, encode_words(subject.encoder))
    words = held_out()
    composed = sum(map(is_composed, words.values()))
    assert {part: each.scored for part, each in found.items()} == {"composed": composed, "new": len(words) - composed}
    for each in found.values():
        assert abs(each.top[0].accuracy.value - 0.7) < 0.15
        assert each.classes == len(load_lexicon())


def test_everything_is_measured_and_progress_told(atlas: Atlas) -> None:
    amounts = Amounts(scenes=50, each_word=1, positives=1, negatives=20)
    scores = np.zeros(20 + 11)
    steps: list[tuple[str, int, int]] = []
    subject = told(atlas, progress=lambda *step: steps.append(step))
    found: Findings = measure(subject, Scored((TOBACCO,), (scores,)), amounts, None)  # type: ignore[arg-type]
    assert {*found.kinds} == {*KINDS}
    for each in found.kinds.values():
        assert (each.scored, each.top[0].accuracy.value) == (50, 1.0)
    assert len(found.kinds["alone"].groups) == 4
    assert {*found.wordings} == {"composed", "new"}
    assert found.amounts == amounts
    assert {what for what, _, _ in steps} == {*KINDS, "composed wordings", "new wordings", "policies"}


@pytest.mark.usefixtures("drawn")
def test_another_hands_drawings_are_measured_for_the_emoji_that_it_has(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Atlas, "outlined", classmethod(lambda cls, font: (atlas, [3, 5])))
    amounts = Amounts(scenes=4, each_word=1, positives=1, negatives=20)
    compiled = Scored((TOBACCO,), (np.zeros(20 + 11),))
    found = measure(told(atlas), compiled, amounts, Path("outlines.ttf"))  # type: ignore[arg-type]
    symbola = found.kinds["symbola"]
    assert {each.name for each in symbola.by_class} == {load_lexicon()[index].name for index in (3, 5)}


def test_the_fitted_scale_answers_for_how_often_the_model_is_right(atlas: Atlas) -> None:
    """One in two is right, among 1,354 orthogonal classes: at the scale ln 1353 the softmax gives it one half."""
    always, half = fit_scale(told(atlas), 100), fit_scale(told(atlas, right=50), 200)
    assert always > 50
    chance = np.exp(half) / (np.exp(half) + 1353)
    assert chance == pytest.approx(0.5, abs=0.02)


def test_the_scale_is_that_of_the_hand_that_it_knows_least(atlas: Atlas) -> None:
    """A model that knows its own hand, and another's drawings in one case of three, is to be sure of one in three."""

    @dataclass(frozen=True)
    class KnowsItsOwn(Told):
        def extract(self, what: str, dataset: Dataset) -> Extracted:
            return Told.extract(replace(self, right=100 if "own hand" in what else 33), what, dataset)

    scale = fit_scale(KnowsItsOwn(Words(), None, atlas, 1), 600, [Shown("stickers", atlas, (1, 2, 3))])  # type: ignore[arg-type]
    assert np.exp(scale) / (np.exp(scale) + 1353) == pytest.approx(1 / 3, abs=0.02)


def test_a_scene_of_several_views_counts_once(atlas: Atlas) -> None:
    """Of two views the first is the whole picture, and says what is shown: rows and answers are to stay in step."""

    @dataclass(frozen=True)
    class SeesTwice(Told):
        def extract(self, what: str, dataset: Dataset) -> Extracted:
            once = super().extract(what, dataset)
            rows = np.concatenate([each.features for each in once.signals])
            twice = np.stack([rows, np.roll(rows, 1, axis=0)], axis=1).reshape(-1, rows.shape[1])
            return Extracted(once.examples, split(twice, [2] * len(rows)))

    assert fit_scale(SeesTwice(Words(), None, atlas, 1), 100) == fit_scale(told(atlas), 100)  # type: ignore[arg-type]
