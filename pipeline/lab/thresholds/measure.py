"""Take labelled images through the model and the policies to new thresholds; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.extract import Extracted, Unreadable, extract
from pipeline.lab.data.judged import image_scores
from pipeline.lab.thresholds.asked import Asked
from pipeline.lab.thresholds.calibrate import Choice, calibrate
from pipeline.lab.thresholds.curve import Curve, Floats, curve_of
from pipeline.lab.thresholds.targets import Target
from pipeline.ports import Decoder, Encoder, EncoderSpec
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import CalibratedFor, Policy
from pipeline.wire import Action

Status = Literal["met", "unproven", "not supported", "no images", "no target"]
CHANGES: frozenset[Status] = frozenset({"met", "unproven"})
"""What changes a policy's thresholds."""


@dataclass(frozen=True)
class Finding:
    """What became of one policy; without images that show it ``curve`` is None and ``choices`` are empty."""

    policy: Policy
    status: Status
    curve: Curve | None
    choices: tuple[Choice, ...]
    calibrated: CalibratedFor | None
    """The model that its file should name; None where the file goes on saying what it says."""
    problem: str = ""

    @property
    def thresholds(self) -> Mapping[Action, float]:
        """The thresholds that its file should hold: new ones only where every target is met, or guessed at."""
        if self.status not in CHANGES:
            return self.policy.actions
        return {each.action: each.threshold for each in self.choices if each.threshold is not None}


@dataclass(frozen=True)
class Calibration:
    """A finding for each active policy, and the data and the model that they rest on."""

    data: str
    images: int
    unreadable: tuple[Unreadable, ...]
    spec: EncoderSpec
    prevalence: float | None
    findings: tuple[Finding, ...]
    stream: int | None = None
    """How many images of a stream ``images`` were chosen from to be reviewed; None for labelled images."""

    @property
    def supported(self) -> bool:
        """Whether every target was shown to be reached that the data say anything about."""
        return not any(each.status in {"not supported", "unproven"} for each in self.findings)


def measure(
    compiled: CompiledPolicies,
    encoder: Encoder,
    decoder: Decoder,
    dataset: Dataset,
    asked: Asked,
    *,
    threads: int,
    progress: Callable[[int], object],
) -> Calibration:
    """Score every image and calibrate every active policy.

    Raises `UsageError` when no image can be read, or none shows what any policy is about; `EncoderError` when the
    device fails.
    """
    extracted = extract(dataset, decoder, encoder, threads=threads, progress=progress)
    if not extracted.examples:
        raise UsageError(f"{dataset.name}: none of {len(dataset.examples)} images could be read")
    ids = {policy.id for policy in compiled.policies}
    if not any(ids.intersection(example.labels) for example in extracted.examples):
        raise UsageError(f"{dataset.name}: no image is labelled with an active policy ({', '.join(sorted(ids))})")
    scores = image_scores(extracted, compiled)
    spec = encoder.spec
    findings = [
        finding(policy, _curve(policy, extracted, scores[:, column]), asked, spec)
        for column, policy in enumerate(compiled.policies)
    ]
    images, unreadable = len(extracted.examples), extracted.unreadable
    return Calibration(dataset.name, images, unreadable, spec, asked.prevalence, tuple(findings))


def _curve(policy: Policy, extracted: Extracted, scores: Floats) -> Curve:
    """The policy's scores, without the images that are arguable under it."""
    counts = np.array([policy.id not in example.ignore for example in extracted.examples])
    positive = np.array([policy.id in example.labels for example in extracted.examples])
    return curve_of(scores[counts], positive[counts])


def finding(
    policy: Policy, curve: Curve, asked: Asked, spec: EncoderSpec, none: str = "no image shows it"
) -> Finding:
    """What becomes of a policy; `none` says that there is no positive."""
    if not curve.positives:
        return Finding(policy, "no images", None, (), None, f"{none}; its thresholds stay as they are")
    targets = asked.of(policy)
    guesses = not _shown(policy, spec)
    choices = tuple(calibrate(curve, policy.actions, targets, asked.prevalence, guesses=guesses))
    if not targets:
        said = "no target for its actions; they stay as they are" if asked.targets else ""
        return Finding(policy, "no target", curve, choices, None, said)
    if any(choice.problem for choice in choices):
        return Finding(policy, "not supported", curve, choices, None)
    unproven = any(choice.unproven for choice in choices)
    status: Status = "unproven" if unproven else "met"
    return Finding(policy, status, curve, choices, *_calibrated(policy, targets, spec, unproven=unproven))


def _shown(policy: Policy, spec: EncoderSpec) -> bool:
    """Whether its thresholds were shown to be right for that model: no guess takes their place."""
    was = policy.calibrated
    return was is not None and was.fingerprint == spec.fingerprint and not was.unproven


def _calibrated(
    policy: Policy, targets: Mapping[Action, Target], spec: EncoderSpec, *, unproven: bool
) -> tuple[CalibratedFor | None, str]:
    """The model that scored; or what the file says of it, and why, where a threshold for another model stays."""
    stays = [action for action in policy.actions if action not in targets]
    if stays and policy.calibrated and policy.calibrated.fingerprint != spec.fingerprint:
        said = replace(policy.calibrated, unproven=True) if unproven else None
        return said, f"still set for {policy.calibrated}: {', '.join(stays)}; give a target for it too"
    guessed_before = bool(stays and policy.calibrated and policy.calibrated.unproven)
    return CalibratedFor(spec.name, spec.fingerprint, unproven or guessed_before), ""
