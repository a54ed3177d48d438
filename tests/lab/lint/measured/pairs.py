"""Sentences that are the same to the model, and `unless` lines that change nothing: each in a policy with another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.lab.lint.against import idle_lines
from pipeline.rules.policies.policy_set import Policy
from tests.lab.lint.measured.figure import Figure, Flags, figure, told_of
from tests.lab.lint.measured.subject import AT_ONCE, Subject, scores
from tests.lab.lint.measured.wordings import SURE, Tried, policy_of

SAME, DIFFERENT = 0.9, 0.5
"""Of the scenes that one of two wordings flags, the share that both do."""
NEAREST = 4
"""Each wording goes into a policy with so many others, those that mean most the same to the model first."""
UNLESS_POLICIES = 300


def alike(subject: Subject, found: Tried, of: Flags) -> Iterator[Figure]:
    """Each wording beside its nearest: once in one policy, once in two."""
    chosen = np.flatnonzero(of & found.works & (found.usual >= SURE))
    near = _nearest(subject, found, chosen, 1)[:, 0]
    flags = found.scores >= SURE
    both = (flags[:, chosen] & flags[:, near]).sum(axis=0)
    share = both / np.maximum((flags[:, chosen] | flags[:, near]).sum(axis=0), 1)
    pairs = [(found.wordings[a].prompt, found.wordings[b].prompt) for a, b in zip(chosen, near, strict=True)]
    same = ("pairs that flag nearly the same", share >= SAME)
    different = ("pairs of which each flags much else", share <= DIFFERENT)
    said = {"two-policies": np.zeros(len(pairs), bool), "duplicate": np.zeros(len(pairs), bool)}
    for at, pair in enumerate(pairs):
        apart = [policy_of(number, prompt) for number, prompt in enumerate(pair)]
        for rule, policies in (("two-policies", apart), ("duplicate", [policy_of(0, *pair)])):
            folder = subject.folder(subject.compiled(policies))
            said[rule][at] = told_of(rule, folder, [each.id for each in policies]).any()
    for rule, told in said.items():
        yield figure(rule, told, different, same)


def idle_unless(subject: Subject, found: Tried, of: Flags) -> Figure:
    """`unless` lines of a policy, each of which changes some decision on the scenes, or none."""
    chosen = np.flatnonzero(of & found.works & (found.usual >= SURE))[:UNLESS_POLICIES]
    near = _nearest(subject, found, chosen, NEAREST)
    said, changes = [], []
    for start in range(0, len(chosen), AT_ONCE // (NEAREST + 2)):
        some = slice(start, start + AT_ONCE // (NEAREST + 2))
        prompts = [found.wordings[at].prompt for at in chosen[some]]
        lines = [[found.wordings[at].prompt for at in row] for row in near[some]]
        policies = [policy_of(at, each, unless=lines[at]) for at, each in enumerate(prompts)]
        told = _idle(subject, policies)
        said += [line in told[policy.id] for policy in policies for line in policy.unless]
        changes += _changes(subject, policies)
    needed = np.array(changes) > 0
    some_change, none = ("lines that change decisions", needed), ("lines that change none", ~needed)
    return figure("idle-unless", np.array(said, bool), some_change, none)


def _idle(subject: Subject, policies: list[Policy]) -> dict[str, set[str]]:
    folder = subject.folder(subject.compiled(policies))
    return {policy.id: {line.sentence for line in idle_lines(folder, policy)} for policy in policies}


def _changes(subject: Subject, policies: list[Policy]) -> list[int]:
    """For each line how many of the scenes are decided otherwise without it."""
    fewer = [
        policy_of(number * 100 + at + 1, *policy.prompts, unless=policy.unless[:at] + policy.unless[at + 1 :])
        for number, policy in enumerate(policies)
        for at in range(len(policy.unless))
    ]
    given = scores(subject.compiled(policies), subject.scenes.signals)
    without = scores(subject.compiled(fewer), subject.scenes.signals)
    before = given.repeat([len(policy.unless) for policy in policies], axis=1)
    thresholds = sorted(policies[0].actions.values())
    return [
        int(count)
        for count in (np.searchsorted(thresholds, before, "right") != np.searchsorted(thresholds, without, "right"))
        .sum(axis=0)
        .tolist()
    ]


def _nearest(subject: Subject, found: Tried, chosen: np.ndarray, most: int) -> np.ndarray:
    """``intp[N,most]``: for each the wordings of other words that are nearest to the model."""
    features = subject.features(each.prompt for each in found.wordings)
    every = np.stack([features[each.prompt] for each in found.wordings])
    cosines = every[chosen] @ every.T
    cosines[np.arange(len(chosen)), chosen] = -1
    return np.asarray(np.argsort(-cosines, axis=1)[:, :most])
