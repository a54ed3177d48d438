"""Policies that flag whatever they are shown are found before they are live."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import Problem
from pipeline.rules.flags_everything import PROBES, lines_left, needs_probes, would_flag_everything
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.policies.backgrounds import LEAST_BACKGROUND
from pipeline.rules.policies.policy_set import Defaults, Location, Policy, PolicySet
from pipeline.signals import Features

LINES = tuple(f"thing {number}" for number in range(LEAST_BACKGROUND))
SIZE = 40


def axis(number: int) -> Features:
    return np.eye(SIZE, dtype=np.float32)[number]


def policy(name: str, *, unless: tuple[str, ...] = (), mode: str = "enforce") -> Policy:
    where = Location(f"{name}.yaml", 2)
    return Policy(name, name, (f"a {name}",), {"block": 0.5}, unless=unless, mode=mode, where=where)  # type: ignore[arg-type]


def compiled(
    *policies: Policy, prompts: dict[str, Features], against: Features, defaults: Defaults | None = None
) -> CompiledPolicies:
    policy_set = PolicySet(policies, defaults or Defaults(background=LINES))
    text = {sentence: prompts.get(sentence, against) for sentence in policy_set.sentences()}
    return compile_policies(policy_set, text, 20.0, None)


def probes(*kinds: int) -> dict[str, Features]:
    """Each along the axis of that number."""
    return {name: axis(kind) for name, kind in zip(PROBES, kinds, strict=True)}


def said(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def test_a_policy_that_flags_neutral_sentences_is_found_and_so_is_a_background_that_describes_none() -> None:
    made = compiled(policy("knife"), prompts={"a knife": axis(0)}, against=axis(1))
    everything, background = said(would_flag_everything(made, probes(*[0] * len(PROBES))))
    assert everything.startswith("knife.yaml:2: it would flag nearly everything: 100% of sentences")
    assert "reach 0.5; use a broader background" in everything
    assert "the background describes too little: 100% of sentences" in background
    assert "most to knife" in background


def test_nothing_is_said_where_neutral_sentences_are_described() -> None:
    made = compiled(policy("knife"), prompts={"a knife": axis(0)}, against=axis(1))
    assert would_flag_everything(made, probes(*[1] * len(PROBES))) == []
    assert would_flag_everything(made, {}) == []


def test_the_policy_to_which_most_falls_by_chance_is_named_with_where_the_background_is_named() -> None:
    """Half of the sentences are one policy's, a quarter another's; each sentence is described by its likes."""
    defaults = Defaults(background=LINES, where=Location("_defaults.yaml", 3))
    names = {"a knife": axis(0), "a cup": axis(1)}
    made = compiled(policy("cup"), policy("knife"), prompts=names, against=axis(2), defaults=defaults)
    count = len(PROBES)
    kinds = [0] * (count // 2) + [1] * (count // 4) + [2] * (count - count // 2 - count // 4)
    *_, background = said(would_flag_everything(made, probes(*kinds)))
    assert background.startswith("_defaults.yaml:3: the background describes too little: 75% of sentences")
    assert "most to knife" in background


def test_a_sentence_that_a_policy_is_about_is_not_flagged_by_chance() -> None:
    """One of them is a policy's own and unlike all others: however well described, it stays flagged."""
    made = compiled(policy("knife"), prompts={"a knife": axis(0)}, against=axis(1))
    assert would_flag_everything(made, probes(0, *[1] * (len(PROBES) - 1))) == []


def test_prompts_with_nothing_against_them_are_found_even_in_a_thin_background() -> None:
    thin = Defaults(background=(), thin=True)
    made = compiled(policy("knife"), policy("cup", unless=("a mug",)), prompts={}, against=axis(1), defaults=thin)
    (found,) = said(would_flag_everything(made, {}))
    assert found.startswith("knife.yaml:2: nothing stands against its prompts")


def test_unless_lines_that_repeat_the_prompts_stand_against_nothing() -> None:
    made = compiled(policy("knife", unless=("a knife",)), prompts={}, against=axis(1), defaults=Defaults(thin=True))
    assert len(would_flag_everything(made, {})) == 1


def test_too_few_lines_that_are_not_too_close_are_told_by_their_number() -> None:
    names = {"a knife": axis(0)} | {line: axis(0) for line in LINES[:7]}
    made = compiled(policy("knife"), prompts=names, against=axis(1))
    (found,) = said(would_flag_everything(made, {}))
    assert f"only {LEAST_BACKGROUND - 7} of {LEAST_BACKGROUND} background lines" in found
    assert "too_close: 0.9" in found
    assert lines_left(made) == LEAST_BACKGROUND - 7


def test_where_all_policies_are_off_all_lines_are_left_and_nothing_is_wrong() -> None:
    made = compiled(policy("knife", mode="off"), prompts={}, against=axis(1))
    assert lines_left(made) == LEAST_BACKGROUND
    assert would_flag_everything(made, probes(*[0] * len(PROBES))) == []


@pytest.mark.parametrize(
    ("defaults", "bias", "mode", "needed"),
    [
        (Defaults(background=LINES), None, "enforce", True),
        (Defaults(background=LINES), None, "shadow", True),
        (Defaults(background=LINES), None, "off", False),
        (Defaults(background=LINES), -10.0, "enforce", False),
        (Defaults(background=LINES, thin=True), None, "enforce", False),
        (Defaults(background=LINES, shipped=True), None, "enforce", False),
    ],
)
def test_neutral_sentences_are_needed_for_a_background_of_ones_own(
    defaults: Defaults, bias: float | None, mode: str, needed: bool
) -> None:
    assert needs_probes(PolicySet((policy("knife", mode=mode),), defaults), bias) is needed
