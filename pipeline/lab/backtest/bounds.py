"""Between which scores an event's lies: what a screen says before, or instead of, judging it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import SIGNALS, Block
from pipeline.lab.backtest.moves import OUTCOMES
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Policy

Array = NDArray[np.float64]
Outcomes = NDArray[np.uint8]
"""Indices in `OUTCOMES`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of N events under K policies: a score is never below `low` and never above `high`, both as rounded as it is."""

    events: NDArray[np.intp]
    """``intp[N]``, in order: those of a block that may matter. All others score less than was asked for."""
    low: Array
    """``float64[N,K]``"""
    high: Array

    def with_scores(self, at: NDArray[np.intp], scores: Array) -> Bounds:
        """The same, where the events with these places in `events` have exactly these scores."""
        low, high = self.low.copy(), self.high.copy()
        low[at] = high[at] = scores
        return Bounds(self.events, low, high)


class Screen(Protocol):
    """Tells bounds of the scores of a block's events under policy sets, one `Bounds` for each set."""

    def __call__(self, block: Block, least: Sequence[Array]) -> Sequence[Bounds]:
        """For each set `least` is ``float64[K]``: scores below it matter to nobody, by which much is left out."""


def every_score(screen: Screen, policies: int) -> Callable[[Block], tuple[Array, Array]]:
    """Low and high of all events of a block, ``float64[E,K]``, by the screen of one set of so many policies."""

    def bounds(block: Block) -> tuple[Array, Array]:
        [found] = screen(block, [np.zeros(policies)])  # what scores no less than 0 is every event
        return found.low, found.high

    return bounds


def outcomes(scores: Array, policies: Sequence[Policy]) -> Outcomes:
    """``float64[N,K]`` to ``uint8[N,K]``: what a decision would make of these scores."""
    found = np.zeros(scores.shape, np.uint8)
    for column, policy in enumerate(policies):
        for action, threshold in policy.actions.items():
            reached = scores[:, column] >= threshold
            np.maximum(found[:, column], reached * np.uint8(OUTCOMES.index(action)), out=found[:, column])
    return found


def undecided(bounds: Bounds, compiled: CompiledPolicies) -> NDArray[np.intp]:
    """The places in `Bounds.events` of those of which some outcome is not certain."""
    differ = outcomes(bounds.low, compiled.policies) != outcomes(bounds.high, compiled.policies)
    return np.flatnonzero(differ.any(axis=1))


@dataclass(frozen=True, slots=True)
class LookAtAll:
    """A `Screen` that scores every event as decisions do, so that low and high are the score itself."""

    sets: Sequence[CompiledPolicies]

    def __call__(self, block: Block, least: Sequence[Array]) -> Sequence[Bounds]:
        del least
        signals = block.need(SIGNALS).signals(range(block.events))
        scores = [compiled.look(signals).scores for compiled in self.sets]
        return [Bounds(np.arange(block.events), each, each) for each in scores]
