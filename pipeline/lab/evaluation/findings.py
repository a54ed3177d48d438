"""What is measured of the bundled model: every figure of its card, by the decoder and the encoder that moderate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.extract import Extracted, extract
from pipeline.lab.data.judged import image_scores
from pipeline.lab.evaluation.evaluate import Evaluation, evaluate
from pipeline.lab.evaluation.precision import Counts, precision_of, rate
from pipeline.lab.evaluation.reliability import reliability
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.evaluation.zero_shot import ClassTexts, encode_classes
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import KINDS, SEED, emoji_scenes, policy_scenes
from pipeline.lab.scenes.wordings import held_out, is_composed, wording_scenes
from pipeline.ports import Decoder, Encoder
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Defaults, Policy

TEMPLATES = Defaults.templates
"""Policies are embedded through the same templates, unless they name their own."""
POLICY_SEED = SEED + 2
"""Seed of the scenes that policies are measured on; `sluice policy calibrate --emoji` draws others."""
Progress = Callable[[str, int, int], object]
"""Called with what is measured, how many of its images are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many scenes each figure rests on."""

    scenes: int = 2708
    """Scenes of each kind: two of every emoji."""
    each_word: int = 4
    """Scenes of each held-out keyword."""
    positives: int = 300
    """Scenes of each policy's things."""
    negatives: int = 3000
    """Scenes that all policies share."""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy at its lowest action; ``false`` of ``negatives`` harmless scenes were flagged."""

    policy: str
    action: str
    threshold: float
    precision: Estimate
    recall: Estimate
    false: int
    negatives: int
    ece: float


@dataclass(frozen=True)
class Findings:
    """Every figure of the card."""

    kinds: dict[str, Evaluation]
    """Figures by what the scenes hold: each of `scene_set.KINDS`, and ``symbola`` where that font is installed."""
    wordings: dict[str, Evaluation]
    """Figures where things are called by keywords ``composed`` of taught words, and by keywords with ``new`` ones."""
    policies: tuple[PolicyRow, ...]
    policy_ece: float
    """Expected calibration error over all scores of all policies."""
    amounts: Amounts
    preprocess: str = "fast"


@dataclass(frozen=True)
class Subject:
    """The model under measurement, and the sprites it is shown."""

    encoder: Encoder
    decoder: Decoder
    atlas: Atlas
    threads: int
    progress: Progress = lambda *_: None

    def extract(self, what: str, dataset: Dataset) -> Extracted:
        done = 0

        def count(images: int) -> None:
            nonlocal done
            done += images
            self.progress(what, done, len(dataset.examples))

        return extract(dataset, self.decoder, self.encoder, threads=self.threads, progress=count)

    def evaluate(self, what: str, dataset: Dataset, texts: ClassTexts | None = None) -> Evaluation:
        """Zero-shot figures of a data set; ``texts`` may hold further classes."""
        texts = texts or encode_classes(self.encoder, dataset.classes, TEMPLATES)
        chosen = texts.only(dataset.classes)
        return evaluate(dataset, self.extract(what, dataset), chosen, TEMPLATES, self.encoder.spec)


def measure(subject: Subject, compiled: CompiledPolicies, amounts: Amounts, symbola: Path | None) -> Findings:
    """Measure everything; takes minutes. ``symbola`` is the outline font of another style, where there is one."""
    texts = encode_words(subject.encoder)
    kinds: dict[str, Evaluation] = {}
    for kind in KINDS:
        dataset = emoji_scenes(amounts.scenes, kind=kind, atlas=subject.atlas)
        kinds[kind] = subject.evaluate(kind, dataset, texts)
    if symbola is not None:
        sprites, things = Atlas.outlined(symbola)
        dataset = emoji_scenes(amounts.scenes, atlas=sprites, things=things)
        kinds["symbola"] = subject.evaluate("symbola", dataset, texts)
    rows, ece = measure_policies(subject, compiled, amounts)
    words = measure_wordings(subject, amounts.each_word, texts)
    return Findings(kinds, words, rows, ece, amounts, subject.decoder.name.partition("-")[0])


def encode_words(encoder: Encoder) -> ClassTexts:
    """Text features of every name and every held-out keyword, so that they are encoded once."""
    names = (emoji.name for emoji in load_lexicon())
    return encode_classes(encoder, tuple(dict.fromkeys([*names, *held_out().values()])), TEMPLATES)


def measure_wordings(subject: Subject, each: int, texts: ClassTexts) -> dict[str, Evaluation]:
    """Zero-shot figures where things are called by held-out keywords; ``texts`` hold them and all names."""
    words = held_out()
    parts = {
        "composed": {index: word for index, word in words.items() if is_composed(word)},
        "new": {index: word for index, word in words.items() if not is_composed(word)},
    }
    return {
        part: subject.evaluate(f"{part} wordings", wording_scenes(chosen, each, atlas=subject.atlas), texts)
        for part, chosen in parts.items()
    }


def measure_policies(
    subject: Subject, compiled: CompiledPolicies, amounts: Amounts
) -> tuple[tuple[PolicyRow, ...], float]:
    """Each policy at its lowest action, and the calibration error of all their scores."""
    dataset = policy_scenes(amounts.positives, amounts.negatives, POLICY_SEED, atlas=subject.atlas)
    judged = list(judge_scenes(subject, compiled, "policies", dataset))
    if not judged:
        return (), 0.0
    pooled = reliability(
        np.concatenate([each.chance for each in judged]), np.concatenate([each.shown for each in judged])
    )
    return tuple(map(_row, judged)), pooled.ece


@dataclass(frozen=True)
class Judged:
    """What one policy says of the scenes that count for it."""

    policy: Policy
    chance: NDArray[np.floating]
    """``float64[N]``: the scenes' scores."""
    shown: NDArray[np.bool_]
    """``bool[N]``: whether they show what it is about."""

    @property
    def lowest(self) -> tuple[str, float]:
        """The lowest action and its threshold."""
        return min(self.policy.actions.items(), key=lambda pair: pair[1])

    @property
    def counts(self) -> Counts:
        """What it does at its lowest action."""
        flagged, shown = self.chance >= self.lowest[1], self.shown
        return Counts(
            int((flagged & shown).sum()), int(shown.sum()), int((flagged & ~shown).sum()), int((~shown).sum())
        )


def judge_scenes(subject: Subject, compiled: CompiledPolicies, what: str, dataset: Dataset) -> Iterator[Judged]:
    """Each policy that a data set's labels name."""
    extracted = subject.extract(what, dataset)
    scores = image_scores(extracted, compiled)
    for column, policy in enumerate(compiled.policies):
        if policy.id not in dataset.classes:
            continue
        counted = np.array([policy.id not in example.ignore for example in extracted.examples])
        shown = np.array([policy.id in example.labels for example in extracted.examples])[counted]
        yield Judged(policy, scores[counted, column], shown)


def _row(judged: Judged) -> PolicyRow:
    action, threshold = judged.lowest
    counts = judged.counts
    return PolicyRow(
        policy=judged.policy.id,
        action=action,
        threshold=threshold,
        precision=precision_of(counts, None),
        recall=rate(counts.hits, counts.positives),
        false=counts.false,
        negatives=counts.negatives,
        ece=reliability(judged.chance, judged.shown).ece,
    )
