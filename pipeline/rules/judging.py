"""What the policies of a set say of an image, and why.

Decisions and what explains them come from here. Measurements take the scores of `CompiledPolicies.look`, and so does
`judge`, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.rules.heads import CompiledPolicies, JoinedOpinion
from pipeline.rules.policies.policy_set import Policy
from pipeline.signals import Features, Signals
from pipeline.wire import SEVERITY, Evidence, Match, PromptEvidence, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy set says of one image.

    ``scores`` maps every active policy to its score, which is the one of the view that is worst for it.
    ``matches`` are the policies in mode enforce whose score reached a threshold, ``shadow`` those in mode shadow; the
    severest comes first. While a judgement is kept, so is what was computed of all images that were judged with it.
    """

    scores: dict[str, float]
    matches: list[Match]
    shadow: list[Match]
    allowed: dict[str, Evidence] = field(default_factory=dict)
    """The policies that would have matched if a list did not allow the image, and what allows it."""
    _opinion: JoinedOpinion | None = field(default=None, repr=False, compare=False)
    _image: int = field(default=0, repr=False, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The severest action among the enforced matches, ``allow`` without any."""
        if not self.matches:
            return "allow"
        return max((match.action for match in self.matches), key=SEVERITY.__getitem__)

    def evidence(self, policy: str) -> Evidence:
        """Why the image has its score under an active policy, matched or not. Raises ``KeyError`` for any other."""
        if self._opinion is None or policy not in self.scores:
            raise KeyError(policy)
        return self._opinion.evidence(self._image, self._opinion.compiled.ids.index(policy))

    def by_head(self, policy: str) -> list[tuple[float, Evidence]]:
        """The score of each head that an active policy has, and its evidence. Raises ``KeyError`` for any other."""
        if self._opinion is None or policy not in self.scores:
            raise KeyError(policy)
        return self._opinion.by_head(self._image, self._opinion.compiled.ids.index(policy))

    @property
    def moment(self) -> tuple[str, ...]:
        """As `CompiledPolicies.moment`, of the set that judged."""
        return () if self._opinion is None else self._opinion.compiled.moment

    def background_lse(self) -> Features | None:
        """``float32[V]`` as of `PromptsHead.background_lse`, of all views, those of a second look last."""
        return None if self._opinion is None else self._opinion.background_lse(self._image)


def judge(images: Sequence[Signals], compiled: CompiledPolicies) -> list[Judgement]:
    """The judgement of each image, in the same order.

    They are computed together, but each image is judged by its own signals alone: neither order nor company changes
    anything. Raises ``ValueError`` for an image of no views.
    """
    if not images:
        return []
    opinion = compiled.look(images)
    judgements = [
        Judgement(dict(zip(compiled.ids, row, strict=True)), [], [], {}, opinion, at)
        for at, row in enumerate(opinion.scores.tolist())
    ]
    for image, column in np.argwhere(opinion.scores >= compiled.lowest).tolist():
        judgement, policy = judgements[image], compiled.policies[column]
        found = _match(policy, judgement.scores[policy.id], opinion.evidence(image, column))
        (judgement.matches if policy.mode == "enforce" else judgement.shadow).append(found)
    for image, column in opinion.overruled():
        judgements[image].allowed[compiled.ids[column]] = opinion.evidence(image, column)
    for judgement in judgements:
        judgement.matches.sort(key=severest_first)
        judgement.shadow.sort(key=severest_first)
    return judgements


def _match(policy: Policy, score: float, evidence: Evidence) -> Match:
    prompt, share = (evidence.prompt, evidence.share) if isinstance(evidence, PromptEvidence) else ("", 0.0)
    action, threshold = policy.severest(score)
    return Match(policy.id, policy.version, action, score, threshold, prompt, share, evidence)


def severest_first(match: Match) -> tuple[int, float, str]:
    """The order of a judgement's matches."""
    return -SEVERITY[match.action], -match.score, match.policy
