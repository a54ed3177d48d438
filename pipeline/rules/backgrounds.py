"""How broad a background must be, and which policies would flag everything.

What nothing in the background describes falls to some policy by chance. Measured with the bundled model and the
shipped policies on 800 rendered scenes of what none of them is about (means of three draws of the background):
scenes that are flagged at all, that the worst policy flags, and neutral sentences that the worst one flags.

====== ====== ====== =========
lines  any    worst  sentences
====== ====== ====== =========
0      100%   100%   100%
12     85%    41%    44%
50     58%    19%    18%
100    42%    12%    11%
200    24%    6%     6%
400    12%    2.6%   3.6%
1,519  0.3%   0.1%   1.6%
====== ====== ====== =========
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.errors import Problem
from pipeline.items import Features
from pipeline.rules.policy_set import Policy, PolicySet, Where
from pipeline.rules.scoring import CompiledPolicies

LEAST_BACKGROUND = 200
"""Lines that stand against every policy, or the folder is refused: with fewer, most flags are wrong."""
MOST_NEUTRAL = 0.5
"""Share of neutral sentences that a policy may flag before it is said to flag everything."""

PROBES = (
    *("a chair", "a loaf of bread", "a tree", "a bicycle", "a cat", "a cloud", "a pair of shoes", "a window"),
    *("a clock", "a flower", "a bus", "a book", "an apple", "a bird", "a house", "a table", "a fish", "a hat"),
    *("a mountain", "a person", "a cup of tea", "a laptop", "a ball", "a shirt", "a boat", "a dog", "a street"),
    *("a child", "the sea", "a guitar", "a lamp", "a cake"),
)
"""Neutral sentences: their text features are scored as if they were an image's. What flags half of these flags
everything: a background of gibberish, or one that says the same thing in hundreds of lines."""


def background_lines(text: str) -> tuple[str, ...]:
    """One everyday thing a line, each once; blank lines and lines that start with # are left out."""
    found: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            found.setdefault(line, line)
    return tuple(found)


def thin(background: Sequence[str]) -> bool:
    """Whether so few different lines are no background; case and blanks make no difference."""
    return len({" ".join(line.casefold().split()) for line in background}) < LEAST_BACKGROUND


def lines_left(compiled: CompiledPolicies) -> int:
    """Lines of the background that stand against the policy with the fewest; all of them where none is active."""
    return min(compiled.left, default=len(compiled.policy_set.defaults.background))


def would_flag_everything(compiled: CompiledPolicies, probes: Mapping[str, Features]) -> list[Problem]:
    """What is wrong with policies that flag whatever they are shown; `probes` are features of `PROBES`, by sentence.

    A folder that asks for a thin background in so many words is told only what is certain.
    """
    if compiled.logit_bias is not None:
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
    for policy, left in zip(compiled.policies, compiled.left, strict=True):
        if not left and not set(policy.unless) - set(policy.prompts):
            said = "nothing stands against its prompts, neither a background nor 'unless': it would flag every image"
            yield _at(policy).problem(said)


def _too_few_left(compiled: CompiledPolicies) -> Iterator[Problem]:
    defaults = compiled.policy_set.defaults
    for policy, left in zip(compiled.policies, compiled.left, strict=True):
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
    flagged = compiled.score(features).scores >= compiled.lowest
    for column, policy in enumerate(compiled.policies):
        own = compiled.texts[compiled.prompt_rows[column]]
        neutral = ((features @ own.T) < compiled.policy_set.defaults.too_close).all(axis=1)
        share = flagged[neutral, column].mean() if neutral.any() else 0.0
        if share > MOST_NEUTRAL and policy.lowest > 0:
            yield _at(policy).problem(
                f"it would flag nearly everything: {share:.0%} of sentences such as 'a chair' and 'a tree' reach "
                f"{policy.lowest:g}; use a broader background, or more particular prompts"
            )


def _at(policy: Policy) -> Where:
    return policy.where or Where(policy.id)
