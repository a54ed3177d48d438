"""One zero-shot evaluation of a model on labelled images, from features to figures."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.extract import Extracted, Unreadable
from pipeline.lab.evaluation.metrics import (
    Gap,
    Shift,
    Slice,
    TopK,
    by_class,
    by_group,
    gain,
    largest_gap,
    shift,
    top_k,
)
from pipeline.lab.evaluation.reliability import Reliability, reliability
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.evaluation.zero_shot import ONE_TEMPLATE, ClassTexts, Ranking, rank
from pipeline.ports import EncoderSpec

LEAST_CLASSES = 2


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured on ``data``: of its ``images``, ``scored`` had a label and could be read.

    ``images`` is the sum of ``scored``, ``unlabelled`` and the number of ``unreadable``.
    """

    data: str
    images: int
    scored: int
    unlabelled: int
    unreadable: tuple[Unreadable, ...]
    classes: int
    templates: tuple[str, ...]
    top: tuple[TopK, ...]
    confidence: Literal["softmax", "sigmoid"]
    """What makes the logit of the class that comes first its probability, for this kind of model."""
    calibration: Reliability
    template_gain: Estimate | None
    """Top-1 through all templates less top-1 through `ONE_TEMPLATE`; None where that is the only one."""
    groups: tuple[Slice, ...]
    gap: Gap | None
    by_class: tuple[Slice, ...]
    """Classes, the worst first."""
    shifts: tuple[Shift, ...]
    """What is kept on each other data set."""
    shift_unreadable: tuple[Unreadable, ...]


def check(dataset: Dataset, templates: Sequence[str], others: Sequence[Dataset] = ()) -> None:
    """Find, before a model is loaded, what would go wrong later. Raises `UsageError`."""
    for template in templates:
        if "{}" not in template:
            raise UsageError(f"the template {template!r} has no {{}} where the class name goes; add it")
    if len(dataset.classes) < LEAST_CLASSES:
        found = f"only the class {dataset.classes[0]!r}" if dataset.classes else "no label at all"
        policy = "; where that is a policy, name its folder with --policies" if dataset.classes else ""
        raise UsageError(f"{dataset.name}: {found}; an evaluation needs two classes or more to tell apart{policy}")
    _check_names(dataset)
    for other in others:
        _check_other(dataset, other)


def _check_names(dataset: Dataset) -> None:
    """A class is asked for by its name: one without a word asks nothing, and two that sound alike ask the same."""
    heard: dict[str, str] = {}
    for name in dataset.classes:
        if not name.strip():
            raise UsageError(f"{dataset.name}: the name of a class has no word in it; rename it")
        alike = heard.setdefault(name.casefold(), name)
        if alike != name:
            raise UsageError(
                f"{dataset.name}: the classes {alike!r} and {name!r} differ in capitals alone, which a model "
                "does not hear; make them one"
            )


def _check_other(dataset: Dataset, other: Dataset) -> None:
    shown = {label for example in other.examples for label in example.labels}
    for label in sorted(shown - set(dataset.classes)):
        close = difflib.get_close_matches(label, dataset.classes, n=1)
        hint = f"did you mean {close[0]!r}" if close else "leave its images out"
        raise UsageError(f"{other.name}: the class {label!r} is not one of {dataset.name}; {hint}")
    if not shown:
        raise UsageError(f"{other.name}: no label at all; --shift needs images of the classes of {dataset.name}")


def evaluate(
    dataset: Dataset,
    extracted: Extracted,
    texts: ClassTexts,
    templates: Sequence[str],
    spec: EncoderSpec,
    *,
    others: Sequence[tuple[Dataset, Extracted]] = (),
) -> Evaluation:
    """Measure what `extracted` (of `dataset`) shows; `others` are data sets of the same classes to compare with.

    Raises `UsageError` when no image that has a label could be read, or the two data sets show no class in common.
    """
    ranking = _ranked(dataset, extracted, texts, spec)
    one = rank(extracted, texts.classes, texts.one, spec)
    groups = by_group(ranking, texts.classes)
    return Evaluation(
        data=dataset.name,
        images=len(dataset.examples),
        scored=len(ranking.examples),
        unlabelled=len(extracted.examples) - len(ranking.examples),
        unreadable=extracted.unreadable,
        classes=len(texts.classes),
        templates=tuple(templates),
        top=top_k(ranking, len(texts.classes)),
        confidence="softmax" if spec.logit_bias is None else "sigmoid",
        calibration=reliability(ranking.confidence, ranking.right),
        template_gain=gain(ranking.right, one.right) if set(templates) != {ONE_TEMPLATE} else None,
        groups=groups,
        gap=largest_gap(groups),
        by_class=by_class(ranking, texts.classes),
        shifts=tuple(_shifted(ranking, *other, texts, spec) for other in others),
        shift_unreadable=tuple(each for _, other in others for each in other.unreadable),
    )


def _shifted(before: Ranking, other: Dataset, extracted: Extracted, texts: ClassTexts, spec: EncoderSpec) -> Shift:
    after = _ranked(other, extracted, texts, spec)
    found = shift(before, after, other.name, len(texts.classes))
    if found is None:
        raise UsageError(f"{other.name}: none of its classes has an image in both data sets that can be read")
    return found


def _ranked(dataset: Dataset, extracted: Extracted, texts: ClassTexts, spec: EncoderSpec) -> Ranking:
    """Rank the examples that have a label. Raises `UsageError` where there is none."""
    ranking = rank(extracted, texts.classes, texts.ensemble, spec)
    if ranking.examples:
        return ranking
    if extracted.examples:
        raise UsageError(f"{dataset.name}: no image that has a label can be read")
    first = extracted.unreadable[0]
    raise UsageError(
        f"{dataset.name}: none of its {len(dataset.examples)} images can be read; {first.name}: {first.message}"
    )
