"""Image features x policies -> scores: one GEMM over all sentences, then each policy's own softmax.

For a policy with prompts P, unless U and background B, and ``l_i = logit_scale * cos(image, sentence_i)``::

    score = sum(exp(l_i) for i in P) / sum(exp(l_i) for i in P + U + B)

which is CLIP's zero-shot softmax (Radford et al. 2021, section 3.1.2), summed over the prompts. A model with a
``logit_bias`` was trained with a sigmoid loss (SigLIP, Zhai et al. 2023): its score is that of the best prompt,
``sigmoid(logit_scale * cos + logit_bias)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.items import Features
from pipeline.rules.policies.policy_set import Policy, PolicySet

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Scores:
    """Scores of V views under K policies. ``of_prompts`` is ``float64[V,N]``, the numerator of each sentence."""

    scores: Array
    """``float64[V,K]``"""
    of_prompts: Array
    totals: Array
    """``float64[V,K]``: what a sentence's numerator is divided by, for each policy."""


@dataclass(frozen=True)
class CompiledPolicies:
    """A policy set ready to score. Build it with `compile_policies`."""

    policy_set: PolicySet
    texts: Features
    """``float32[N,D]``, all sentences."""
    prompt_rows: tuple[Rows, ...]
    """For each active policy, the rows of `texts` that are its prompts."""
    own: Array
    """``float64[N,K]``, 1 where the sentence is one of the policy's prompts."""
    considered: Array
    """``float64[N,K]``, 1 where the sentence stands in the policy's denominator."""
    left: tuple[int, ...]
    """For each active policy, the lines of the background that stand against it."""
    logit_scale: float
    logit_bias: float | None

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """The K scored policies, in the order of the columns."""
        return self.policy_set.active

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Of the policies."""
        return tuple(policy.id for policy in self.policies)

    @cached_property
    def lowest(self) -> Array:
        """``float64[K]``: for each policy the least score that leads to any action."""
        return np.array([policy.lowest for policy in self.policies])

    def score(self, features: Features) -> Scores:
        """``float32[V,D]``, L2-normalised, to the scores of V views under K policies."""
        if not self.policies:  # all are off
            nothing = np.zeros((len(features), 0))
            return Scores(nothing, nothing, nothing)
        logits = (features @ self.texts.T).astype(np.float64) * self.logit_scale
        if self.logit_bias is not None:
            return self._sigmoid(logits + self.logit_bias)
        # float64: exp() of a difference of 200 (twice the scale) is far from underflow, so no policy divides by 0.
        numerators = np.exp(logits - logits.max(axis=1, keepdims=True))
        totals = numerators @ self.considered
        return Scores((numerators @ self.own) / totals, numerators, totals)

    def _sigmoid(self, logits: Array) -> Scores:
        chances = 1.0 / (1.0 + np.exp(-logits))
        best = [chances[:, rows].max(axis=1) for rows in self.prompt_rows]
        scores = np.stack(best, axis=1) if best else np.zeros((len(logits), 0))
        return Scores(scores, chances, np.ones_like(scores))

    def best_prompt(self, scores: Scores, view: int, policy: int) -> tuple[str, float]:
        """The prompt of that policy which describes the view best, and its share of the policy's score."""
        rows = self.prompt_rows[policy]
        best = int(scores.of_prompts[view, rows].argmax())
        share = scores.of_prompts[view, rows[best]] / scores.totals[view, policy]
        return self.policies[policy].prompts[best], float(share)


def compile_policies(
    policy_set: PolicySet,
    features: Mapping[str, Features],
    logit_scale: float,
    logit_bias: float | None,
) -> CompiledPolicies:
    """Lay a policy set out as matrices; `features` holds ``float32[D]`` for each of `PolicySet.sentences`."""
    sentences = list(policy_set.sentences())
    row = {sentence: index for index, sentence in enumerate(sentences)}
    texts: Features = np.zeros((0, 1), np.float32)
    if sentences:
        texts = np.ascontiguousarray([features[sentence] for sentence in sentences], dtype=np.float32)
    shape = (len(sentences), len(policy_set.active))
    own, considered = np.zeros(shape), np.zeros(shape)
    against = policy_set.defaults.background if sentences else ()
    background = np.array([row[line] for line in against], dtype=np.intp)
    nearness = texts[background] @ texts.T
    prompt_rows, left = [], []
    for column, policy in enumerate(policy_set.active):
        prompts = np.array([row[prompt] for prompt in policy.prompts], dtype=np.intp)
        # Background too close to a prompt would cancel it: "knife" against "a kitchen knife".
        far = (nearness[:, prompts] < policy_set.defaults.too_close).all(axis=1)
        considered[background[far], column] = 1
        considered[[row[line] for line in policy.unless], column] = 1
        considered[prompts, column] = own[prompts, column] = 1
        prompt_rows.append(prompts)
        left.append(int(far.sum()))
    return CompiledPolicies(
        policy_set, texts, tuple(prompt_rows), own, considered, tuple(left), logit_scale, logit_bias
    )
