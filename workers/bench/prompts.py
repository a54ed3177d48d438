"""What many prompts cost: scoring a batch against them, beside the forward pass of the same batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.ports import Encoder
from pipeline.rules.heads import compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from workers.bench.limits import SECONDS, one_pass

PROMPTS = 10_000
POLICIES = 50
"""Policies that share the prompts evenly."""


@dataclass(frozen=True, slots=True)
class PromptShare:
    """Seconds for one batch: scoring it against `PROMPTS` prompts, and its forward pass."""

    batch: int
    scoring: float
    forward: float

    @property
    def share(self) -> float:
        """The share of scoring in the sum of both, 0 to 1."""
        return self.scoring / (self.scoring + self.forward)


def prompt_share(encoder: Encoder, batch: int, callers: int) -> PromptShare:
    """Score noise against random prompts: what they are does not change the cost. `callers` as in `one_pass`."""
    random = np.random.default_rng(0)
    height, width = encoder.spec.image_size
    each = PROMPTS // POLICIES
    prompts = [f"prompt {number}" for number in range(PROMPTS)]
    policies = [
        Policy(
            id=f"p{number}",
            title=f"p{number}",
            prompts=tuple(prompts[number * each : (number + 1) * each]),
            actions={"review": 0.5},
        )
        for number in range(POLICIES)
    ]
    rows = random.standard_normal((PROMPTS, encoder.spec.features)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    texts = dict(zip(prompts, rows, strict=True))
    spec = encoder.spec
    compiled = compile_policies(PolicySet(tuple(policies), Defaults()), texts, spec.logit_scale, spec.logit_bias)
    pixels = random.integers(0, 256, (batch, height, width, 3), np.uint8)
    features = encoder.encode_images(pixels)
    with one_pass(encoder, pixels, callers) as once:
        return PromptShare(batch=batch, scoring=_best(lambda: compiled.prompts.score(features)), forward=_best(once))


def _best(call: Callable[[], object]) -> float:
    call()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best
