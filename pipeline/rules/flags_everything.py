"""Which policies would flag whatever they are shown, judged by what their sentences mean to the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import Problem
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.backgrounds import LEAST_BACKGROUND
from pipeline.rules.policies.policy_set import Location, Policy, PolicySet
from pipeline.signals import Features

Flags = NDArray[np.bool_]

MOST_NEUTRAL = 0.5
"""Share of neutral sentences that a policy may flag before it is said to flag everything."""
MOST_BY_CHANCE = 0.25
"""Share of neutral sentences that may be flagged by some policy for want of a better description.

With the bundled model and backgrounds of 200 to 400 lines: 0 to 3% with a random part of the shipped background, 28%
with walls of all colours, 47% with animals alone, 62% with numbers, 72% with gibberish.
"""

PROBES = (
    *("a chair", "a loaf of bread", "a tree", "a bicycle", "a cat", "a cloud", "a pair of shoes", "a window"),
    *("a clock", "a flower", "a bus", "a book", "an apple", "a bird", "a house", "a table", "a fish", "a hat"),
    *("a mountain", "a person", "a cup of tea", "a laptop", "a ball", "a shirt", "a boat", "a dog", "a street"),
    *("a child", "the sea", "a guitar", "a lamp", "a cake"),
)
"""Neutral sentences, whose text features are scored as if they were an image's. A policy that flags them flags
everything: its background is gibberish, or says the same thing in hundreds of lines. On nine backgrounds, the share
of these that was flagged came within 5 points of the share of rendered scenes that was."""


def lines_left(compiled: CompiledPolicies) -> int:
    """Lines of the background that stand against the policy with the fewest; all of them where none is active."""
    return min(compiled.prompts.left, default=len(compiled.policy_set.defaults.background))


def would_flag_everything(compiled: CompiledPolicies, probes: Mapping[str, Features]) -> list[Problem]:
    """What is wrong with policies that flag whatever they are shown; `probes` are features of `PROBES`, by sentence.

    A folder with ``allow_thin_background`` is told only of policies that have nothing against them at all.
    """
    if compiled.prompts.logit_bias is not None:
        return []
    found = list(_with_nothing_against_them(compiled))
    if not found and not compiled.policy_set.defaults.thin:
        found = [*_too_few_left(compiled)] or [*_flag_neutral(compiled, probes)]
    return found


def needs_probes(policy_set: PolicySet, logit_bias: float | None) -> bool:
    """Whether `would_flag_everything` wants features of `PROBES` for that set."""
    defaults = policy_set.defaults
    return bool(policy_set.active) and logit_bias is None and not defaults.thin and not defaults.shipped


def _with_nothing_against_them(compiled: CompiledPolicies) -> Iterator[Problem]:
    for policy, left in zip(compiled.policies, compiled.prompts.left, strict=True):
        if not left and not set(policy.unless) - set(policy.prompts):
            said = "nothing stands against its prompts, neither a background nor 'unless': it would flag every image"
            yield _at(policy).problem(said)


def _too_few_left(compiled: CompiledPolicies) -> Iterator[Problem]:
    defaults = compiled.policy_set.defaults
    for policy, left in zip(compiled.policies, compiled.prompts.left, strict=True):
        if left < LEAST_BACKGROUND:
            yield _at(policy).problem(
                f"only {left} of {len(defaults.background)} background lines are not too close to its prompts "
                f"(too_close: {defaults.too_close:g}), and with fewer than {LEAST_BACKGROUND} it flags by chance; "
                "raise too_close in _defaults.yaml, or make the prompts more particular"
            )


def _flag_neutral(compiled: CompiledPolicies, probes: Mapping[str, Features]) -> Iterator[Problem]:
    if not probes or not compiled.policies:
        return
    features = np.stack(list(probes.values()))
    flagged, by_chance = _flagged(compiled, features)
    for policy, share in zip(compiled.policies, flagged.mean(axis=0), strict=True):
        if share > MOST_NEUTRAL and policy.lowest > 0:
            yield _at(policy).problem(
                f"it would flag nearly everything: {share:.0%} of sentences such as 'a chair' and 'a tree' reach "
                f"{policy.lowest:g}; use a broader background, or more particular prompts"
            )
    share = by_chance.any(axis=1).mean()
    if share > MOST_BY_CHANCE:
        defaults, most = compiled.policy_set.defaults, compiled.ids[int(by_chance.sum(axis=0).argmax())]
        yield (defaults.where or Location("background")).problem(
            f"the background describes too little: {share:.0%} of sentences such as 'a chair' and 'a tree' fall to a "
            f"policy by chance, most to {most}; add everyday things of all kinds, or use the built-in one"
        )


def _flagged(compiled: CompiledPolicies, features: Features) -> tuple[Flags, Flags]:
    """``bool[V,K]`` twice: which are flagged, and which of those no more once all others stand against them, too."""
    prompts = compiled.prompts
    logits = (features @ prompts.texts.T).astype(np.float64) * prompts.logit_scale
    others = (features @ features.T).astype(np.float64) * prompts.logit_scale
    np.fill_diagonal(others, -np.inf)
    most = logits.max(axis=1, keepdims=True)
    numerators = np.exp(logits - most)
    own, totals = numerators @ prompts.own, numerators @ prompts.considered
    flagged = own / totals >= compiled.lowest
    described = own / (totals + np.exp(others - most).sum(axis=1, keepdims=True)) < compiled.lowest
    return flagged, flagged & described


def _at(policy: Policy) -> Location:
    return policy.where or Location(policy.id)
