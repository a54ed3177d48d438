"""What rules look at: policies that hold, where their lines stand, and what the model makes of their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.lab.lint.places import Places
from pipeline.lab.lint.pool import Pool
from pipeline.lab.lint.stream import Stream
from pipeline.lab.lint.vocabulary import Vocabulary
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Location, Policy
from pipeline.signals import Features

Key = Literal["prompts", "unless"]


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of one policy."""

    policy: Policy
    key: Key
    sentence: str
    where: Location
    features: Features
    """``float32[D]``"""


@dataclass(frozen=True)
class Folder:
    """The active policies of a folder, put to a model."""

    compiled: CompiledPolicies
    places: Places
    features: Mapping[str, Features]
    """``float32[D]`` of each sentence of the set, L2-normalised."""
    vocabulary: Vocabulary
    pool: Pool | None = None
    """The samples that the policies name, where there are some."""
    stream: Stream | None = None
    """Pictures of a folder or an archive, where some were given."""

    def lines(self, key: Key) -> Iterator[Line]:
        """The prompts, or the `unless` lines, policy by policy."""
        for policy in self.compiled.policies:
            yield from self.of(policy, key)

    def of(self, policy: Policy, key: Key) -> Iterator[Line]:
        """Those of one policy."""
        for index, sentence in enumerate(getattr(policy, key)):
            yield Line(policy, key, sentence, self.places.of(policy, key, index), self.features[sentence])

    def standing(self, policy: Policy) -> list[str]:
        """The lines of the background that stand against that policy: those too close to its prompts do not."""
        head = self.compiled.prompts
        column = head.ids.index(policy.id)
        against = head.considered[:, column] > head.own[:, column]
        rows = np.flatnonzero((head.background > 0) & against).tolist()
        return [head.sentences[row] for row in rows]
