"""Queries as tests need them, and what they are held against: every image scored by itself."""

from __future__ import annotations

import numpy as np

from pipeline.archive.search.words import Words
from pipeline.rules.archive.remembered import signals_of
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Features
from pipeline.wire import FeaturesRecord


def unit(rng: np.random.Generator, count: int, dimension: int = 16) -> Features:
    vectors = rng.normal(size=(count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def compiled(
    rng: np.random.Generator,
    *,
    background: int = 100,
    scale: float = 20.0,
    bias: float | None = None,
    dimension: int = 16,
) -> CompiledPolicies:
    """Two prompts and an unless line in random directions, one of which is close to a line of the background."""
    lines = tuple(f"line {number}" for number in range(background))
    policy = Policy("searched", "s", ("this", "that"), {"label": 0.0}, ("other",))
    policy_set = PolicySet((policy,), Defaults(background=lines))
    features = dict(zip(policy_set.sentences(), unit(rng, background + 3, dimension), strict=True))
    if background:
        features["line 0"] = features["this"]
    return compile_policies(policy_set, features, scale, bias)


def words(rng: np.random.Generator, **how: float | None) -> Words:
    return Words(compiled(rng, **how))  # type: ignore[arg-type]


def score(record: FeaturesRecord, by: CompiledPolicies) -> float:
    """What a decision would say."""
    return judge([signals_of(record)], by)[0].scores["searched"]


def cosine(record: FeaturesRecord, views: Features) -> float:
    """The greatest cosine of any of its views with any of those."""
    signals = signals_of(record)
    rows = np.concatenate([signals.features, *([signals.closer.features] if signals.closer else [])]).astype(
        np.float64
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return float((rows @ (views / np.linalg.norm(views, axis=1, keepdims=True)).T).max())
