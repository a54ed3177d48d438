"""Pictures that rules go by, and what each policy makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.heads import CompiledPolicies, JoinedOpinion
from pipeline.signals import Signals
from pipeline.wire import PromptEvidence

Scores = NDArray[np.float64]
TOGETHER = 256
"""Pictures judged at once: each holds ``float64[N]`` for N sentences meanwhile."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that a policy must flag: its score, and the line that stands most against it, with its share."""

    score: float
    against: str | None
    share: float


@dataclass
class Pool:
    """What K policies make of pictures, counted; no picture is kept."""

    compiled: CompiledPolicies
    pictures: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    """By policy, how many reach its least threshold."""
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By policy and action, how many reach that action's threshold."""
    highest: dict[str, float] = field(default_factory=dict)
    """By policy, the highest score."""
    wins: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By policy and prompt, how many of the flagged are described best by that prompt."""
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By policy, the pictures that it must flag."""

    @classmethod
    def of(
        cls, compiled: CompiledPolicies, images: Iterable[Signals], must_flag: Mapping[int, Collection[str]]
    ) -> Pool:
        """Judge the pictures; `must_flag` says of some, by their index, which policies must flag them."""
        pool = cls(compiled)
        for some in together(images):
            pool.add(some, must_flag)
        return pool

    def add(self, some: Sequence[Signals], must_flag: Mapping[int, Collection[str]]) -> Scores:
        """Judge these as well, and give their scores, ``float64[N,K]``; their indices go on from those before."""
        opinion = self.compiled.look(some)
        for image, column in np.argwhere(opinion.scores >= self.compiled.lowest).tolist():
            self._flagged(opinion, image, column)
        for image in range(len(some)):
            for policy in must_flag.get(self.pictures + image, ()):
                self._sample(opinion, image, self.compiled.ids.index(policy))
        self.pictures += len(some)
        for policy, score in zip(self.compiled.ids, opinion.scores.max(axis=0, initial=0.0).tolist(), strict=True):
            self.highest[policy] = max(score, self.highest.get(policy, 0.0))
        return opinion.scores

    def _flagged(self, opinion: JoinedOpinion, image: int, column: int) -> None:
        policy, said = self.compiled.policies[column], opinion.evidence(image, column)
        self.flagged[policy.id] += 1
        for action, least in policy.actions.items():
            self.reached[policy.id, action] += bool(opinion.scores[image, column] >= least)
        if isinstance(said, PromptEvidence):
            self.wins[policy.id, said.prompt] += 1

    def _sample(self, opinion: JoinedOpinion, image: int, column: int) -> None:
        said = opinion.evidence(image, column)
        against = said.against if isinstance(said, PromptEvidence) else None
        text, share = (against.text, against.share) if against else (None, 0.0)
        found = Sample(float(opinion.scores[image, column]), text, share)
        self.samples.setdefault(self.compiled.ids[column], []).append(found)


def together(images: Iterable[Signals]) -> Iterator[Sequence[Signals]]:
    """The images in parts that may be judged at once."""
    every = iter(images)
    while some := list(islice(every, TOGETHER)):
        yield some
