"""Zero-shot classification: which class a CLIP model puts first for each example, and how sure it is.

Class names go through templates like a policy's prompts (`pipeline.rules.heads.ensembles`); an image's logit for a
class is ``logit_scale * cos``, of the view that shows the class best where it has several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import Extracted
from pipeline.ports import Encoder, EncoderSpec
from pipeline.rules.heads import Stacked
from pipeline.rules.heads.ensembles import average
from pipeline.rules.policies.templates import fill
from pipeline.signals import Features

ONE_TEMPLATE = "a photo of {}."
"""What the ensemble of templates is compared with."""
Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
_EXAMPLES = 256
"""Examples scored at once: their logits are float64[V,K], and K may be thousands."""


@dataclass(frozen=True)
class ClassTexts:
    """Text features of K classes."""

    classes: tuple[str, ...]
    ensemble: Features
    """``float32[K,D]``, L2-normalised: every class through all templates."""
    one: Features
    """``float32[K,D]``, L2-normalised: every class through `ONE_TEMPLATE` alone."""

    def only(self, classes: Sequence[str]) -> ClassTexts:
        """The features of some of the classes, in the order given. Raises ``KeyError`` for any other class."""
        row = {name: index for index, name in enumerate(self.classes)}
        rows = [row[name] for name in classes]
        return ClassTexts(tuple(classes), self.ensemble[rows], self.one[rows])


@dataclass(frozen=True)
class Ranking:
    """What the model makes of N examples that have a label."""

    examples: tuple[Example, ...]
    ranks: Rows
    """``int[N]``: how many wrong classes come before the best right one, or level with it; 0 is a hit."""
    first: Rows
    """``int[N]``: the index of the class that comes first."""
    confidence: Floats
    """``float64[N]``: the probability of that class."""

    @property
    def right(self) -> NDArray[np.bool_]:
        """``bool[N]``: whether a right class comes first."""
        return np.equal(self.ranks, 0)


def in_words(dataset: Dataset, marks: str) -> Dataset:
    """The data set with a space for each of `marks` in its labels: ``kitchen_knife`` is said "kitchen knife"."""
    spaces = str.maketrans(dict.fromkeys(marks, " "))

    def words(labels: Sequence[str]) -> tuple[str, ...]:
        spoken = (" ".join(label.translate(spaces).split()) for label in labels)
        return tuple(dict.fromkeys(spoken))

    examples = [replace(each, labels=words(each.labels), ignore=words(each.ignore)) for each in dataset.examples]
    return replace(dataset, examples=examples, classes=words(dataset.classes))


def encode_classes(encoder: Encoder, classes: Sequence[str], templates: Sequence[str]) -> ClassTexts:
    """Encode every class through every template; raises `EncoderError` when the device fails."""
    every = list(dict.fromkeys([*templates, ONE_TEMPLATE]))
    sentences = [sentence for name in classes for sentence in fill(name, every)]
    features = encoder.encode_texts(sentences).reshape(len(classes), len(every), -1)
    chosen = features[:, [every.index(template) for template in templates]]
    ensemble = average(chosen.reshape(-1, features.shape[-1]), len(templates))
    return ClassTexts(tuple(classes), ensemble, features[:, every.index(ONE_TEMPLATE)])


def rank(extracted: Extracted, classes: Sequence[str], texts: Features, spec: EncoderSpec) -> Ranking:
    """Score the examples that have a label against all classes.

    A label that is not among `classes` raises ``KeyError``. Classes that an example ignores do not compete for it.
    """
    row = {name: index for index, name in enumerate(classes)}
    parts = [_rank(part, row, texts, spec) for part in extracted.chunks(_EXAMPLES)]
    labelled = [example for example in extracted.examples if example.labels]
    ranks, first, confidence = (
        np.concatenate([part[at] for part in parts]) if parts else np.zeros(0) for at in range(3)
    )
    return Ranking(tuple(labelled), ranks.astype(np.intp), first.astype(np.intp), confidence)


_Columns = tuple[Rows, Rows, Floats]


def _rank(part: Extracted, row: dict[str, int], texts: Features, spec: EncoderSpec) -> _Columns:
    """`Ranking`'s columns for one part."""
    views = Stacked.of(part.signals)
    logits = views.worst((views.features @ texts.T).astype(np.float64) * spec.logit_scale)
    labelled = np.array([bool(example.labels) for example in part.examples])
    logits, examples = logits[labelled], [example for example in part.examples if example.labels]
    right = np.zeros(logits.shape, bool)
    for index, example in enumerate(examples):
        right[index, [row[label] for label in example.labels]] = True
        logits[
            index, [row[label] for label in example.ignore if label in row and label not in example.labels]
        ] = -np.inf
    best = np.where(right, logits, -np.inf).max(axis=1, keepdims=True)
    # A wrong class that is level counts as before: a model that tells nothing apart must not seem to be right.
    ranks = (~right & (logits >= best)).sum(axis=1)
    return ranks, logits.argmax(axis=1), _confidence(logits.max(axis=1), logits, spec)


def _confidence(highest: Floats, logits: Floats, spec: EncoderSpec) -> Floats:
    """The probability of the class that comes first, as `pipeline.rules.heads.prompts` has it for each kind of model.

    CLIP: softmax over the classes. SigLIP: the sigmoid of the class's own logit, which no other class touches.
    """
    if spec.logit_bias is not None:
        return np.asarray(1.0 / (1.0 + np.exp(-(highest + spec.logit_bias))))
    return np.asarray(1.0 / np.exp(logits - highest[:, None]).sum(axis=1))
