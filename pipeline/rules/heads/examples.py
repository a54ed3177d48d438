"""The head of examples: how near an image is to pictures that match a policy, and what its text says beside that.

How a score comes about stands in `pipeline.rules.heads.fitting`. Examples are used only where they find more of each
other than the text does; and what the text alone is sure of stays found, since the greatest score of heads counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.rules.heads.fitting import Fitted, fit_examples
from pipeline.rules.heads.head import SCORE_DIGITS, Array, Opinion, Texts
from pipeline.rules.heads.prompts import PromptsHead, PromptsOpinion, compile_prompts
from pipeline.rules.heads.stacked import Stacked
from pipeline.rules.policies.policy_set import PolicySet
from pipeline.signals import Signals
from pipeline.wire import ExamplesEvidence


@dataclass(frozen=True)
class ExamplesHead:
    """The policies that their examples judge. Build it with `compile_examples`."""

    fitted: tuple[Fitted, ...]
    prompts: PromptsHead
    """Of these policies alone, for who looks without what the head of all prompts says."""

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of the policies, in the order of the columns."""
        return tuple(each.policy.id for each in self.fitted)

    def at(self, now: float) -> ExamplesHead:  # noqa: ARG002 - a picture does not expire
        """Itself."""
        return self

    @property
    def moment(self) -> tuple[str, ...]:
        return ()

    def look(self, images: Sequence[Signals], before: Sequence[Opinion] = ()) -> ExamplesOpinion:
        """What the text says is taken from `before`, where it is there. Raises ``ValueError`` for no views."""
        views = Stacked.of(images)
        features = views.features.astype(np.float64)
        by_text = self._by_text(views, before)
        scale = self.prompts.logit_scale
        columns = [each.scores(features, by_text[:, at], scale) for at, each in enumerate(self.fitted)]
        found = np.stack(columns, axis=1) if columns else np.zeros((len(features), 0))
        return ExamplesOpinion(self, images, views, found, views.worst(found))

    def _by_text(self, views: Stacked, before: Sequence[Opinion]) -> Array:
        """``float64[V,K]``: what the text of each of the policies gives each view."""
        said = next((each for each in before if isinstance(each, PromptsOpinion)), None)
        if said is None:
            return self.prompts.score(views.features).scores
        return said.found.scores[:, [said.head.ids.index(each) for each in self.ids]]


@dataclass(frozen=True, slots=True)
class ExamplesOpinion:
    """An `Opinion`."""

    head: ExamplesHead
    images: Sequence[Signals]
    views: Stacked
    found: Array
    scores: Array
    vetoes: None = None

    def evidence(self, image: int, policy: int) -> ExamplesEvidence:
        """The example that is nearest to the view which gave the score."""
        rows, fitted = self.views.views(image), self.head.fitted[policy]
        worst = int(self.found[rows, policy].round(SCORE_DIGITS).argmax())
        cosines = fitted.matching @ self.views.features[rows.start + worst].astype(np.float64)
        nearest = int(cosines.argmax())
        name = fitted.policy.examples.match[nearest].path
        return ExamplesEvidence(name, round(float(cosines[nearest]), SCORE_DIGITS), self.images[image].region(worst))


def compile_examples(policy_set: PolicySet, words: Texts) -> ExamplesHead:
    """Fit every policy's examples, and keep those that beat its text."""
    used = tuple(each for each in fit_examples(policy_set, words) if each.used)
    policies = tuple(each.policy for each in used)
    return ExamplesHead(used, compile_prompts(replace(policy_set, policies=policies), words))
