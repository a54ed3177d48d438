"""Rules that go by pictures: they see half of the scenes, and the other half says whether they are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.lab.lint.pool import Pool, Sample
from pipeline.lab.lint.shown import idle_prompts, kept_from
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Policy
from pipeline.signals import Signals
from tests.lab.lint.measured.figure import Figure, Flags, figure, told_of
from tests.lab.lint.measured.subject import AT_ONCE, Subject
from tests.lab.lint.measured.wordings import Tried, Wording, policy_of

MOST = 0.5
"""A line stands in the way where it alone keeps this share of what is meant from being flagged."""
REACHES = 0.25
"""A threshold is fine that this share of what is meant reaches."""
PROMPTS, POOR = 16, 4
"""Of a policy made by lot: how many of its wordings work, and how many fail."""
SHARE = 0.02
"""A prompt is of use that describes this share of the flagged pictures best."""


def by_samples(subject: Subject, found: Tried, of: Flags) -> Iterator[Figure]:
    """Wordings of two things or more, with half of the scenes of what they mean as samples."""
    chosen = np.flatnonzero(of & (found.things > 1))
    said: dict[str, list[Flags]] = {"in-the-way": [], "unreached": []}
    taken, reached = [], []
    for start in range(0, len(chosen), AT_ONCE):
        some = [found.wordings[at] for at in chosen[start : start + AT_ONCE]]
        compiled = subject.compiled([policy_of(at, each.prompt) for at, each in enumerate(some)])
        folder = subject.folder(compiled, _samples(subject, compiled, some, 0))
        for rule, told in said.items():
            told.append(told_of(rule, folder, compiled.ids))
        others = _samples(subject, compiled, some, 1)
        taken += [_taken(others.samples[policy.id], policy.lowest) for policy in compiled.policies]
        reached += [_reached(others.samples[policy.id], policy) for policy in compiled.policies]
    told_of_each = {rule: np.concatenate(told) for rule, told in said.items()}
    most, least = np.array(taken), np.array(reached)
    none, one = ("wordings with no line in their way", most == 0), ("wordings with one", most >= MOST)
    yield figure("in-the-way", told_of_each["in-the-way"], none, one)
    fine, never = (
        ("policies whose thresholds are reached", least >= REACHES),
        ("policies with one that is not", least == 0),
    )
    yield figure("unreached", told_of_each["unreached"], fine, never)


def _taken(samples: Sequence[Sample], lowest: float) -> float:
    """The share of the pictures that a single line keeps from being flagged."""
    lines = Counter(each.against for each in samples if kept_from(each, lowest))
    return max(lines.values(), default=0) / len(samples)


def _reached(samples: Sequence[Sample], policy: Policy) -> float:
    """The share of the pictures that reaches the threshold that fewest reach."""
    return float(np.mean([each.score >= max(policy.actions.values()) for each in samples]))


def wins_nothing(subject: Subject, found: Tried, of: Flags, seed: int = 0) -> Figure:
    """Policies of wordings by lot, most of which work."""
    rng = np.random.default_rng(seed)
    good, poor = rng.permutation(np.flatnonzero(of & found.works)), rng.permutation(np.flatnonzero(of & found.fails))
    count = min(len(good) // PROMPTS, len(poor) // POOR)
    prompts = [
        [found.wordings[index].prompt for index in (*good[at::count][:PROMPTS], *poor[at::count][:POOR])]
        for at in range(count)
    ]
    policies = [policy_of(at, *dict.fromkeys(each)) for at, each in enumerate(prompts)]
    compiled = subject.compiled(policies)
    pool, others = (Pool.of(compiled, _half(subject, half), {}) for half in (0, 1))
    told = {(each.policy, each.about) for each in idle_prompts(subject.folder(compiled, pool))}
    cases = [(policy.id, prompt) for policy in policies for prompt in policy.prompts]
    wins = np.array([others.wins[case] / max(1, others.flagged[case[0]]) for case in cases])
    said = np.array([case in told for case in cases], bool)
    use, none = ("prompts that win a fiftieth or more", wins >= SHARE), ("prompts that win nothing", wins == 0)
    return figure("wins-nothing", said, use, none)


def _samples(subject: Subject, compiled: CompiledPolicies, wordings: Sequence[Wording], half: int) -> Pool:
    shown = subject.scenes.shown[subject.scenes.rounds % 2 == half].tolist()
    by_thing: dict[str, list[str]] = {}
    for policy, each in zip(compiled.ids, wordings, strict=True):
        for thing in each.things:
            by_thing.setdefault(thing, []).append(policy)
    signals = _half(subject, half)
    wanted = [at for at, thing in enumerate(shown) if thing in by_thing]
    must_flag = {number: by_thing[shown[at]] for number, at in enumerate(wanted)}
    return Pool.of(compiled, [signals[at] for at in wanted], must_flag)


def _half(subject: Subject, half: int) -> list[Signals]:
    return [subject.scenes.signals[at] for at in np.flatnonzero(subject.scenes.rounds % 2 == half)]
