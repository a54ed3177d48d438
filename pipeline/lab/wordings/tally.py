"""Counts what each wording flags, and keeps the highest of each. Memory does not grow with the number of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from pipeline.archive.archive import Block
from pipeline.archive.search.search import Place
from pipeline.archive.search.words import scored
from pipeline.lab.backtest.bounds import Screen
from pipeline.lab.wordings.record import Count
from pipeline.rules.archive.nearest import Nearest
from pipeline.rules.heads import SCORE_DIGITS, CompiledPolicies
from pipeline.rules.heads.head import Array
from pipeline.signals import Features, Signals
from pipeline.wire import Against, PromptEvidence

T = TypeVar("T")

AT_ONCE = 1024
"""Images scored in one go: 12 MB of numbers against a background of 1,500 lines."""
COLUMNS = ("record", "view", "views", "features", "closer", "bar", "background", "background_lse")
"""What `take` needs of a block."""


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """An image among the highest of a wording."""

    found: T
    scores: tuple[float, ...]
    frame: int
    against: Against | None


class Tally(Generic[T]):
    """Takes images in order; a wording is a policy of the compiled set, in its order, with prompts alone."""

    def __init__(self, compiled: CompiledPolicies, thresholds: Sequence[float], top: int, alike: float) -> None:
        """From a cosine of `alike` on, images are one line of `lines`."""
        self.compiled = compiled
        self.thresholds = tuple(thresholds)
        self.images = 0
        wordings = len(compiled.policies)
        self.nearest = [Nearest[Candidate[T]](top, alike) for _ in range(wordings)]
        self._flagged = np.zeros((wordings, len(thresholds)), np.int64)
        self._alone = np.zeros_like(self._flagged)

    def add(self, signals: Sequence[Signals], found: Sequence[T]) -> None:
        """Count images by their signals, and keep `found` of those that are among the highest."""
        for start in range(0, len(signals), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            self._count(self._offer(signals[part], found[part]))
        self.images += len(signals)

    def counts(self, wording: int) -> list[Count]:
        rows = zip(self.thresholds, self._flagged[wording].tolist(), self._alone[wording].tolist(), strict=True)
        return [Count(threshold=threshold, flagged=flagged, alone=alone) for threshold, flagged, alone in rows]

    def take(self: Tally[Place], block: Block, screen: Screen) -> None:
        """Count a block's events: `screen`, which is of the compiled set, says of which the score matters."""
        if not block.events:
            return
        floors = np.maximum(self._floors, 0.0)
        [bounds] = screen(block, [np.minimum(floors, min(self.thresholds))])
        unsure = (bounds.high >= floors).any(axis=1)
        for threshold in self.thresholds:
            unsure |= ((bounds.low >= threshold) != (bounds.high >= threshold)).any(axis=1)
        scores = bounds.low.copy()
        for start in range(0, len(asked := np.flatnonzero(unsure)), AT_ONCE):
            some = asked[start : start + AT_ONCE]
            events = bounds.events[some]
            places = [Place(block.segment, record, 0) for record in block.records[events].tolist()]
            scores[some] = self._offer(block.looks(events), places)
        self._count(scores)
        self.images += block.events

    @property
    def _floors(self) -> Array:
        """``float64[K]``: what scores less than this, rounded, is not among the highest."""
        return np.array([each.floor for each in self.nearest]) - 10.0**-SCORE_DIGITS

    def _count(self, scores: Array) -> None:
        for at, threshold in enumerate(self.thresholds):
            flagged = scores >= threshold
            self._flagged[:, at] += flagged.sum(axis=0)
            self._alone[:, at] += (flagged & (flagged.sum(axis=1, keepdims=True) == 1)).sum(axis=0)

    def _offer(self, signals: Sequence[Signals], found: Sequence[T]) -> Array:
        """``float64[N,K]``: the scores of decisions; those that are high enough are kept."""
        opinion = self.compiled.look(signals)
        for image, wording in np.argwhere(opinion.scores >= self._floors).tolist():
            score, view = scored(opinion, image, wording)
            said = opinion.evidence(image, wording)
            if isinstance(said, PromptEvidence):
                scores = tuple(opinion.scores[image].tolist())
                kept = Candidate(found[image], scores, said.view.frame, said.against)
                self.nearest[wording].offer(score, _views(signals[image])[view], kept)
        return opinion.scores


def _views(signals: Signals) -> Features:
    """Those of the first look, and then those of the second."""
    closer = signals.closer
    return signals.features if closer is None else np.concatenate([signals.features, closer.features])
