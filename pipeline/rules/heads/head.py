"""What a head is: one way to judge images by policies, which gives evidence of its own.

A head is a module with a `Compile` function, which stands in `pipeline.rules.heads.compiled.HEADS`, and a kind of
evidence in `pipeline.wire.decisions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.policies.assets import Assets
from pipeline.rules.policies.policy_set import PolicySet
from pipeline.signals import Features, Signals
from pipeline.wire import Evidence

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]

SCORE_DIGITS = 6
"""Digits kept of a score or a share: float32 features carry no more, and rounded scores are easier to compare."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What a model makes of a policy set's sentences, how it weighs an image against them, and what lies beside."""

    features: Mapping[str, Features]
    """``float32[D]``, L2-normalised, for each of `PolicySet.sentences`."""
    logit_scale: float
    logit_bias: float | None
    assets: Assets = field(default_factory=dict)
    """What lies beside the policies, by path; the examples of those that are active have their signals."""


class Opinion(Protocol):
    """What a head says of I images under K policies."""

    @property
    def scores(self) -> Array:
        """``float64[I,K]``, from 0 to 1; of an image with several views, the greatest of their scores."""

    @property
    def vetoes(self) -> Flags | None:
        """``bool[I,K]``: which images are none of a policy's, whatever score any head or look gives; None for none.

        Their score is 0, and the evidence for it this head's.
        """

    def evidence(self, image: int, policy: int) -> Evidence:
        """Why an image has its score or its veto under a policy, both by their index; computed when asked for."""


class Head(Protocol):
    """A head that is ready to judge by a policy set. It keeps nothing between calls, so any thread may call it."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The policies that have such a head, in the order of the columns of its opinions."""

    def at(self, now: float) -> Head:
        """The head as it judges at a time in seconds since 1970: itself, where time changes nothing of it."""

    @property
    def moment(self) -> tuple[str, ...]:
        """What counts of the time by which it judges, such as what has expired; empty where time changed nothing."""

    def look(self, images: Sequence[Signals], before: Sequence[Opinion] = ()) -> Opinion:
        """Judge one image or more, each by its own signals, so that neither order nor company changes anything.

        `before` is what heads before it say of the same images, in the order of `HEADS`, for one that builds on them.
        Raises ``ValueError`` for an image that lacks the signals which the head needs.
        """


Compile = Callable[[PolicySet, Texts], Head]
"""Makes the head of a policy set: one object for all its policies that have such a head."""
