"""Measures a model of scenes by whose drawings it is shown: the hands it learned from, and others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.lab.evaluation.findings import POLICY_SEED, Amounts, Subject, encode_words, judge_scenes
from pipeline.lab.evaluation.precision import Counts, precision_of, rate
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.hands.shown import Shown
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import SEED, policy_scenes
from pipeline.rules.heads import CompiledPolicies

OWN = "Noto Color Emoji"
POLICIES_SHARE = 3
"""Policies are measured in each hand on so many times fewer scenes than in the lexicon's own."""


@dataclass(frozen=True)
class HandRow:
    """What a model makes of one hand's drawings."""

    hand: str
    learned: bool
    """Whether the model was trained with it."""
    named: Evaluation
    """Its things alone on clutter, among all names."""
    precision: Estimate
    recall: Estimate
    """The policies, each at its lowest action, all their scenes together."""


def measure_hands(
    subject: Subject, compiled: CompiledPolicies, amounts: Amounts, hands: Sequence[Shown], learned: Collection[str]
) -> tuple[HandRow, ...]:
    """A row for the lexicon's own hand and one for each of ``hands``; none where there are none.

    ``learned`` holds names and digests of the hands that the model was trained with.
    """
    if not hands:
        return ()
    own = Shown(OWN, subject.atlas, range(len(load_lexicon())))
    texts = encode_words(subject.encoder)
    rows = []
    for hand in (own, *hands):
        named = subject.evaluate(hand.name, hand.scenes(amounts.scenes, SEED), texts)
        counts = _policies(subject, compiled, amounts, hand)
        precision, recall = precision_of(counts, None), rate(counts.hits, counts.positives)
        known = hand is own or hand.name in learned or hand.digest in learned
        rows.append(HandRow(hand.name, known, named, precision, recall))
    return tuple(rows)


def _policies(subject: Subject, compiled: CompiledPolicies, amounts: Amounts, hand: Shown) -> Counts:
    positives, negatives = (max(1, each // POLICIES_SHARE) for each in (amounts.positives, amounts.negatives))
    dataset = policy_scenes(positives, negatives, POLICY_SEED, atlas=hand.atlas, things=hand.things)
    every = [each.counts for each in judge_scenes(subject, compiled, f"policies, {hand.name}", dataset)]
    return Counts(
        sum(each.hits for each in every),
        sum(each.positives for each in every),
        sum(each.false for each in every),
        sum(each.negatives for each in every),
    )
