"""A policy set that is ready to judge: all its heads. For each policy the greatest score counts, but for a veto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from pipeline.rules.archive.backgrounds import background_digest
from pipeline.rules.heads.examples import compile_examples
from pipeline.rules.heads.head import SCORE_DIGITS, Array, Compile, Flags, Head, Opinion, Texts
from pipeline.rules.heads.lists import compile_lists
from pipeline.rules.heads.prompts import PromptsHead, PromptsOpinion, compile_prompts
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.rules.policies.policy_set import Policy, PolicySet
from pipeline.signals import Closer, Features, Signals
from pipeline.wire import Evidence

HEADS: tuple[Compile, ...] = (compile_prompts, compile_examples, compile_lists)
"""Every kind of head there is. Of two that give a policy the same score, the first gives the evidence."""


@dataclass(frozen=True)
class CompiledPolicies:
    """A policy set with its heads, that of prompts among them. Build it with `compile_policies`."""

    policy_set: PolicySet
    heads: tuple[Head, ...]

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """The K policies that are judged by, in the order of the columns."""
        return self.policy_set.active

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of `policies`, in their order."""
        return tuple(policy.id for policy in self.policies)

    @cached_property
    def lowest(self) -> Array:
        """``float64[K]``: for each policy the least score that leads to any action."""
        return np.array([policy.lowest for policy in self.policies])

    @cached_property
    def needs_pdq(self) -> bool:
        """Whether some list has PDQ hashes."""
        return any(len(each.entries.near) for policy in self.policies for each in policy.lists.hashed)

    @cached_property
    def background(self) -> str:
        """The digest of the background, by which a stored log-sum-exp is told to be of it; empty without one."""
        return background_digest(self.policy_set.defaults)

    @cached_property
    def prompts(self) -> PromptsHead:
        """The head of prompts, for code that needs the sentences themselves."""
        return next(head for head in self.heads if isinstance(head, PromptsHead))

    def at(self, now: float) -> CompiledPolicies:
        """The set as it judges at a time in seconds since 1970: itself, where time has changed nothing of it."""
        heads = tuple(head.at(now) for head in self.heads)
        return self if heads == self.heads else replace(self, heads=heads)

    @property
    def moment(self) -> tuple[str, ...]:
        """What of the time counts by which the set judges: with it, the set always judges the same."""
        return tuple(said for head in self.heads for said in head.moment)

    def look(self, images: Sequence[Signals]) -> JoinedOpinion:
        """The joint opinion of all heads on one image or more. Its scores are those of decisions.

        Of a second look, the scores count that reach a threshold and the look's own bar.
        """
        first = self._look(images)
        again = [(at, each.closer) for at, each in enumerate(images) if each.closer is not None]
        return _with_closer(first, self._look([closer for _, closer in again]), again) if again else first

    def _look(self, images: Sequence[Signals]) -> JoinedOpinion:
        opinions = list[Opinion]()
        for head in self.heads:
            opinions.append(head.look(images, opinions))
        scores, vetoes = np.zeros((len(images), len(self.policies))), None
        for opinion, columns in zip(opinions, self.columns, strict=True):
            scores[:, columns] = np.maximum(scores[:, columns], opinion.scores)
            if opinion.vetoes is not None:
                vetoes = np.zeros(scores.shape, bool) if vetoes is None else vetoes
                vetoes[:, columns] |= opinion.vetoes
        scores = scores.round(SCORE_DIGITS)
        if vetoes is None or not vetoes.any():
            return JoinedOpinion(self, opinions, scores)
        return JoinedOpinion(self, opinions, np.where(vetoes, 0.0, scores), vetoes=vetoes, unvetoed=scores)

    @cached_property
    def columns(self) -> tuple[list[int], ...]:
        """For each head, the indices in `policies` of those that it judges."""
        return tuple([self.ids.index(each) for each in head.ids] for head in self.heads)


@dataclass(frozen=True, slots=True)
class JoinedOpinion:
    """An `Opinion`: for each policy the greatest score of its heads, rounded, and the evidence of that head."""

    compiled: CompiledPolicies
    opinions: Sequence[Opinion]
    scores: Array
    closer: JoinedOpinion | None = None
    """What was said of second looks, if there was one."""
    in_closer: Mapping[int, int] = field(default_factory=dict)
    """For each image that was looked at again, its index in `closer`."""
    from_closer: frozenset[tuple[int, int]] = frozenset()
    """The images and policies whose score is that of a second look."""
    vetoes: Flags | None = None
    """``bool[I,K]``: the policies that an image is none of by some head's veto; None without any."""
    unvetoed: Array | None = None
    """``float64[I,K]``: what the scores would be without vetoes, and without a second look."""

    def evidence(self, image: int, policy: int) -> Evidence:
        if self.closer is not None and (image, policy) in self.from_closer:
            return self.closer.evidence(self.in_closer[image], policy)
        said = zip(self.opinions, self.compiled.columns, strict=True)
        asked = [(opinion, columns.index(policy)) for opinion, columns in said if policy in columns]
        opinion, column = max(asked, key=lambda each: _weight(each[0], each[1], image))
        return opinion.evidence(image, column)

    def by_head(self, image: int, policy: int) -> list[tuple[float, Evidence]]:
        """What each head that judges the policy has to say, in the look that gave the score: its own, and why."""
        if self.closer is not None and (image, policy) in self.from_closer:
            return self.closer.by_head(self.in_closer[image], policy)
        said = zip(self.opinions, self.compiled.columns, strict=True)
        asked = [(opinion, columns.index(policy)) for opinion, columns in said if policy in columns]
        return [
            (round(float(opinion.scores[image, column]), SCORE_DIGITS), opinion.evidence(image, column))
            for opinion, column in asked
        ]

    def overruled(self) -> list[tuple[int, int]]:
        """The images and policies that a veto kept from an action."""
        if self.vetoes is None or self.unvetoed is None:
            return []
        return [
            (image, policy)
            for image, policy in np.argwhere(self.vetoes & (self.unvetoed >= self.compiled.lowest)).tolist()
        ]

    def background_lse(self, image: int) -> Features | None:
        """As `PromptsHead.background_lse`, of all views of the image, those of a second look last."""
        said = next(each for each in self.opinions if isinstance(each, PromptsOpinion)).background_lse(image)
        if said is None or self.closer is None or image not in self.in_closer:
            return said
        again = self.closer.background_lse(self.in_closer[image])
        return said if again is None else np.concatenate([said, again])


def _weight(opinion: Opinion, column: int, image: int) -> tuple[bool, float]:
    """By which of the heads' opinions counts: a veto before all scores."""
    vetoed = opinion.vetoes is not None and bool(opinion.vetoes[image, column])
    return vetoed, float(opinion.scores[image, column])


def _with_closer(first: JoinedOpinion, closer: JoinedOpinion, again: Sequence[tuple[int, Closer]]) -> JoinedOpinion:
    """The first look's scores, and those of `again`, images by their index, where they count and are greater."""
    scores, found = first.scores.copy(), set[tuple[int, int]]()
    for row, (image, look) in enumerate(again):
        said = closer.scores[row]
        counts = (said >= np.maximum(first.compiled.lowest, look.bar)) & (said > scores[image])
        if first.vetoes is not None:
            counts &= ~first.vetoes[image]
        scores[image, counts] = said[counts]
        found |= {(image, column) for column in np.flatnonzero(counts).tolist()}
    rows = {image: row for row, (image, _) in enumerate(again)}
    return replace(first, scores=scores, closer=closer, in_closer=rows, from_closer=frozenset(found))


def compile_policies(
    policy_set: PolicySet,
    features: Mapping[str, Features],
    logit_scale: float,
    logit_bias: float | None,
    assets: Assets = NO_ASSETS,
) -> CompiledPolicies:
    """Make a policy set ready; `features` holds ``float32[D]`` for each of `PolicySet.sentences`.

    `assets` are what lies beside the policies, the pictures that active ones name with their signals. Nothing of what
    is made has expired: `CompiledPolicies.at` gives the set of a day.

    A head that none of the policies has is left out, so that it costs nothing for each image.
    """
    words = Texts(features, logit_scale, logit_bias, assets)
    made = [compile_head(policy_set, words) for compile_head in HEADS]
    return CompiledPolicies(policy_set, tuple(head for head in made if head.ids or isinstance(head, PromptsHead)))
