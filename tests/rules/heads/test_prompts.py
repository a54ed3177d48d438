"""Scoring: the formula, its independence of other policies, the background's exclusions, SigLIP's sigmoid."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.heads import Texts
from pipeline.rules.heads.ensembles import average, digest
from pipeline.rules.heads.prompts import PromptsHead, compile_prompts
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.rules.policies.templates import fill
from pipeline.signals import Features

DIM = 16


def unit(seed: int, count: int = 1) -> Features:
    vectors = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def policy(name: str, *prompts: str, unless: tuple[str, ...] = (), mode: str = "enforce") -> Policy:
    return Policy(id=name, title=name, prompts=prompts, unless=unless, actions={"block": 0.5}, mode=mode)


def compiled(
    policies: list[Policy], background: tuple[str, ...] = (), bias: float | None = None, scale: float = 20.0
) -> tuple[PromptsHead, dict[str, Features]]:
    policy_set = PolicySet(tuple(policies), Defaults(background=background))
    sentences = list(policy_set.sentences())
    features = dict(zip(sentences, unit(7, len(sentences)), strict=True))
    return compile_prompts(policy_set, Texts(features, scale, bias)), features


def test_a_score_is_the_softmax_mass_on_the_prompts() -> None:
    made, text = compiled([policy("p", "a", "b", unless=("c",))], background=("d", "e"))
    image = unit(1)
    logits = {name: 20.0 * float(image[0] @ vector) for name, vector in text.items()}
    mass = {name: np.exp(value) for name, value in logits.items()}
    expected = (mass["a"] + mass["b"]) / sum(mass.values())
    assert made.score(image).scores[0, 0] == pytest.approx(expected, rel=1e-5)


def test_what_stands_against_a_policy_is_told_by_how_near_it_is_to_a_prompt() -> None:
    made, text = compiled([policy("p", "a", "b", unless=("c",)), policy("q", "z")], background=("d", "e"))
    near = {name: max(float(text[name] @ text["a"]), float(text[name] @ text["b"])) for name in "cde"}
    expected = sorted(near, key=lambda name: -near[name])
    assert made.nearest_against(0, 2) == expected[:2]
    assert made.nearest_against(0, 9) == expected
    alone, _ = compiled([policy("p", "a")])
    assert alone.nearest_against(0, 3) == []


def test_another_policy_does_not_change_a_score() -> None:
    alone, text = compiled([policy("p", "a")], background=("d",))
    both = compile_prompts(
        PolicySet((policy("p", "a"), policy("q", "z", unless=("y",))), Defaults(background=("d",))),
        Texts(text | {"z": unit(3)[0], "y": unit(4)[0]}, 20.0, None),
    )
    assert both.score(unit(1, 5)).scores[:, 0] == pytest.approx(alone.score(unit(1, 5)).scores[:, 0], rel=1e-6)


def test_background_close_to_a_prompt_is_left_out_for_that_policy_alone() -> None:
    knife = unit(1)[0]
    policies = (policy("p", "a knife"), policy("q", "a cup"))
    text = {"a knife": knife, "a cup": unit(2)[0], "knife": knife, "tree": unit(3)[0]}
    made = compile_prompts(PolicySet(policies, Defaults(background=("knife", "tree"))), Texts(text, 20.0, None))
    assert made.score(knife[None]).scores[0, 0] > 0.99
    assert made.score(knife[None]).scores[0, 1] < 0.01


def test_background_just_as_close_as_too_close_is_left_out() -> None:
    text = {"a": np.float32([1, 0]), "near": np.float32([0.5, 0.75**0.5]), "far": np.float32([0.49, 0.87172])}
    policy_set = PolicySet((policy("p", "a"),), Defaults(background=("near", "far"), too_close=0.5))
    made = compile_prompts(policy_set, Texts(text, 20.0, None))
    assert (made.left, made.considered[:, 0].tolist()) == ((1,), [1, 0, 1])


def test_a_prompt_that_is_also_background_still_counts_as_a_prompt() -> None:
    made, _ = compiled([policy("p", "a")], background=("a", "b"))
    assert made.own[0, 0] == made.considered[0, 0] == 1


def test_the_best_prompt_is_named_with_its_share() -> None:
    made, text = compiled([policy("p", "a", "b")], background=("d",))
    scores = made.score(text["b"][None])
    prompt, share = made.best_prompt(scores, 0, 0)
    assert prompt == "b"
    assert 0 < share <= scores.scores[0, 0]


def test_a_sigmoid_model_scores_its_best_prompt() -> None:
    made, text = compiled([policy("p", "a", "b")], background=("d",), bias=-5.0)
    image = unit(1)
    best = max(float(image[0] @ text[name]) for name in ("a", "b"))
    assert made.score(image).scores[0, 0] == pytest.approx(1 / (1 + np.exp(-(20.0 * best - 5.0))), rel=1e-5)


def test_a_policy_that_is_off_is_not_scored() -> None:
    made, _ = compiled([policy("p", "a"), policy("q", "b", mode="off")])
    assert made.score(unit(1)).scores.shape == (1, 1)


@given(st.integers(0, 10_000), st.floats(1, 350))
@settings(max_examples=50)
def test_scores_are_probabilities_at_any_scale(seed: int, scale: float) -> None:
    made, _ = compiled([policy("p", "a", unless=("b",)), policy("q", "c")], background=("d",), scale=scale)
    scores = made.score(unit(seed, 4)).scores
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1 + 1e-12)).all()


def test_an_ensemble_is_the_normalised_mean_and_keyed_by_its_sentences() -> None:
    features = unit(5, 6)
    expected = features[:3].mean(axis=0)
    assert average(features, 3)[0] == pytest.approx(expected / np.linalg.norm(expected), rel=1e-5)
    assert fill("a cup", ["a photo of {}.", "{}"]) == ["a photo of a cup.", "a cup"]
    assert digest("a cup", ["{}"]) != digest("a cup", ["a photo of {}."])


def test_ensembles_keep_their_order_and_are_of_unit_length() -> None:
    features = unit(6, 8)
    made = average(features, 2)
    assert (made.shape, made.dtype) == ((4, DIM), np.float32)
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(4), rel=1e-5)
    assert np.array_equal(made[2], average(features[4:6], 2)[0])
    assert average(features.astype(np.float64), 1).dtype == np.float32
    assert np.array_equal(average(np.zeros((2, DIM), np.float32), 2), np.zeros((1, DIM)))


def test_the_key_of_a_prompt_stays_the_same_between_releases() -> None:
    """Workers of different releases share a cache."""
    sentences = "2\na photo of a cup.\na cup"
    assert digest("a cup", ["a photo of {}.", "{}"]) == sha256(sentences.encode()).hexdigest()
