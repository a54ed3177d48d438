"""The head of prompts: plain sentences against an image, one GEMM over all sentences of all policies.

For a policy with prompts P, unless U and background B, and ``l_i = logit_scale * cos(image, sentence_i)``::

    score = sum(exp(l_i) for i in P) / sum(exp(l_i) for i in P + U + B)

which is CLIP's zero-shot softmax (Radford et al. 2021, section 3.1.2), summed over the prompts. A model with a
``logit_bias`` was trained with a sigmoid loss (SigLIP, Zhai et al. 2023): its score is that of the best prompt,
``sigmoid(logit_scale * cos + logit_bias)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.rules.heads.head import SCORE_DIGITS, Array, Opinion, Rows, Texts
from pipeline.rules.heads.stacked import Stacked
from pipeline.rules.policies.policy_set import Policy, PolicySet
from pipeline.signals import Features, Signals
from pipeline.wire import Against, PromptEvidence


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of V views under K policies, and what they are made of."""

    scores: Array
    """``float64[V,K]``"""
    of_sentences: Array
    """``float64[V,N]``: what each sentence weighs, which is ``exp(l_i)`` up to a factor, or its chance (sigmoid)."""
    totals: Array
    """``float64[V,K]``: what a sentence's weight is divided by to give its share, for each policy."""
    highest: Array
    """``float64[V]``: each view's greatest logit, of which the exponential is that factor; zeros for chances."""


@dataclass(frozen=True)
class PromptsHead:
    """The sentences of a policy set, laid out as matrices. Build it with `compile_prompts`."""

    policies: tuple[Policy, ...]
    """The K policies, in the order of the columns."""
    sentences: tuple[str, ...]
    texts: Features
    """``float32[N,D]``: the features of `sentences`."""
    prompt_rows: tuple[Rows, ...]
    """For each policy, the rows of `texts` that are its prompts."""
    own: Array
    """``float64[N,K]``, 1 where the sentence is one of the policy's prompts."""
    considered: Array
    """``float64[N,K]``, 1 where the sentence stands in the policy's denominator."""
    background: Array
    """``float64[N]``, 1 where the sentence is a line of the background."""
    left: tuple[int, ...]
    """For each policy, how many lines of the background stand against it."""
    logit_scale: float
    logit_bias: float | None

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of `policies`, in their order."""
        return tuple(policy.id for policy in self.policies)

    def at(self, now: float) -> PromptsHead:  # noqa: ARG002 - a sentence does not expire
        """Itself."""
        return self

    @property
    def moment(self) -> tuple[str, ...]:
        return ()

    def look(self, images: Sequence[Signals], before: Sequence[Opinion] = ()) -> PromptsOpinion:  # noqa: ARG002
        """Raises ``ValueError`` for an image of no views."""
        views = Stacked.of(images)
        found = self.score(views.features)
        return PromptsOpinion(self, images, views, found, views.worst(found.scores))

    def score(self, features: Features) -> Scores:
        """``float32[V,D]``, L2-normalised, to the scores of V views under K policies."""
        if not self.policies:  # all are off
            nothing = np.zeros((len(features), 0))
            return Scores(nothing, nothing, nothing, np.zeros(len(features)))
        logits = features.astype(np.float64) @ self._texts.T
        logits *= self.logit_scale
        if self.logit_bias is not None:
            return self._sigmoid(logits + self.logit_bias)
        # float64: exp() of a difference of 200 (twice the scale) is far from underflow, so no policy divides by 0.
        highest = logits.max(axis=1)
        logits -= highest[:, np.newaxis]
        numerators = np.exp(logits, out=logits)
        totals = numerators @ self.considered
        return Scores((numerators @ self.own) / totals, numerators, totals, highest)

    def _sigmoid(self, logits: Array) -> Scores:
        chances = 1.0 / (1.0 + np.exp(-logits))
        best = [chances[:, rows].max(axis=1) for rows in self.prompt_rows]
        scores = np.stack(best, axis=1) if best else np.zeros((len(logits), 0))
        return Scores(scores, chances, np.ones_like(scores), np.zeros(len(scores)))

    def background_lse(self, scores: Scores, views: slice) -> Features | None:
        """``float32[V]``: of each of the views, the log of the sum over the background of ``exp(logit_scale * cos)``.

        The sum is over all lines, those too close to a policy's prompts as well. None without any line, where all
        policies are off, and where the model rates each sentence by itself (sigmoid).
        """
        if self.logit_bias is not None or not self.background.any():
            return None
        found = scores.highest[views] + np.log(scores.of_sentences[views] @ self.background)
        return np.asarray(found, dtype=np.float32)

    def best_prompt(self, scores: Scores, view: int, policy: int) -> tuple[str, float]:
        """The prompt of that policy that describes the view best, and its share of what all sentences weigh."""
        return self._strongest(self.prompt_rows[policy], scores, view, policy)

    def strongest_against(self, scores: Scores, view: int, policy: int) -> tuple[str, float] | None:
        """The sentence against that policy that describes the view best, and its share.

        None without any, and where the model rates each sentence by itself (sigmoid).
        """
        rows = self._against[policy]
        return self._strongest(rows, scores, view, policy) if self.logit_bias is None and len(rows) else None

    def nearest_against(self, policy: int, most: int) -> list[str]:
        """Of the sentences against that policy the `most` that are nearest to a prompt of it, the nearest first."""
        rows = self._against[policy]
        near = (self.texts[rows] @ self.texts[self.prompt_rows[policy]].T).max(axis=1, initial=-1.0)
        return [self.sentences[rows[at]] for at in np.argsort(-near, kind="stable")[:most]]

    def _strongest(self, rows: Rows, scores: Scores, view: int, policy: int) -> tuple[str, float]:
        weights = scores.of_sentences[view, rows]
        best = int(weights.argmax())
        return self.sentences[rows[best]], float(weights[best] / scores.totals[view, policy])

    def sureness(self, scores: Scores) -> Array:
        """``float64[V]``: of each view, what the sentence that describes it best has of the weight of them all.

        It is 1 where the model rates each sentence by itself (sigmoid): weights say nothing there.
        """
        weights = scores.of_sentences
        if self.logit_bias is not None or not weights.shape[1]:
            return np.ones(len(weights))
        return np.asarray(weights.max(axis=1) / weights.sum(axis=1))

    @cached_property
    def _texts(self) -> Array:
        """`texts` in float64. In float32 the last kept digit of a score would depend on who else is in the batch."""
        return self.texts.astype(np.float64)

    @cached_property
    def _against(self) -> tuple[Rows, ...]:
        return tuple(np.flatnonzero(column) for column in (self.considered - self.own).T)


@dataclass(frozen=True, slots=True)
class PromptsOpinion:
    """An `Opinion`. It holds ``float64[V,N]`` for as long as it is kept, because evidence may be asked for."""

    head: PromptsHead
    images: Sequence[Signals]
    views: Stacked
    found: Scores
    scores: Array
    vetoes: None = None

    def evidence(self, image: int, policy: int) -> PromptEvidence:
        """The best prompt of the view that gave the score, and what stood most against the policy there."""
        rows = self.views.views(image)
        worst = int(self.found.scores[rows, policy].round(SCORE_DIGITS).argmax())
        view = rows.start + worst
        prompt, share = self.head.best_prompt(self.found, view, policy)
        against = self.head.strongest_against(self.found, view, policy)
        return PromptEvidence(
            prompt,
            round(share, SCORE_DIGITS),
            self.images[image].region(worst),
            None if against is None else Against(against[0], round(against[1], SCORE_DIGITS)),
        )

    def background_lse(self, image: int) -> Features | None:
        """As `PromptsHead.background_lse`, of the image's views."""
        return self.head.background_lse(self.found, self.views.views(image))


def compile_prompts(policy_set: PolicySet, words: Texts) -> PromptsHead:
    """Lay the sentences of a policy set out as matrices."""
    policies, sentences = policy_set.active, tuple(policy_set.sentences())
    row = {sentence: index for index, sentence in enumerate(sentences)}
    texts: Features = np.zeros((0, 1), np.float32)
    if sentences:
        texts = np.ascontiguousarray([words.features[sentence] for sentence in sentences], dtype=np.float32)
    own, considered = np.zeros((len(sentences), len(policies))), np.zeros((len(sentences), len(policies)))
    lines = policy_set.defaults.background if sentences else ()
    background = np.array([row[line] for line in lines], dtype=np.intp)
    entries = texts[background]
    is_background = np.zeros(len(sentences))
    is_background[background] = 1
    prompt_rows, left = [], []
    for column, policy in enumerate(policies):
        prompts = np.array([row[prompt] for prompt in policy.prompts], dtype=np.intp)
        # Background too close to a prompt would cancel it: "knife" against "a kitchen knife".
        far = (entries @ texts[prompts].T < policy_set.defaults.too_close).all(axis=1)
        considered[background[far], column] = 1
        considered[[row[line] for line in policy.unless], column] = 1
        considered[prompts, column] = own[prompts, column] = 1
        prompt_rows.append(prompts)
        left.append(int(far.sum()))
    scale, bias = words.logit_scale, words.logit_bias
    return PromptsHead(
        policies, sentences, texts, tuple(prompt_rows), own, considered, is_background, tuple(left), scale, bias
    )
