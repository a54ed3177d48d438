"""What waits to be looked at by people, and what is asked of a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from pipeline.rules.reviews.queueing import Mix
from pipeline.wire import Decision, Review

Kind = Literal["sent", "drawn", "golden"]


@dataclass(frozen=True)
class Wanted:
    """What is asked of a queue."""

    reviewer: str
    actions: Mapping[str, Mapping[str, float]]
    """The thresholds of each policy, by action, as its file has them; drawn images are asked about all of these."""
    policy: str | None = None
    """Questions of this policy alone."""
    drawn: float = 0.0
    """The share of allowed images that is drawn: the setting ``review_sample``."""
    mix: Mix = field(default_factory=Mix)
    most: int = 50
    """Images that are shown at once."""


@dataclass(frozen=True)
class Waiting:
    """An image of which somebody should say whether each of these policies describes it."""

    kind: Kind
    decision: Decision
    policies: tuple[str, ...]
    """Those that it is asked about, the one with the highest score first."""
    inclusion_probability: float
    """The chance with which it came to be asked about, as its reviews are to say."""
    thumbnail: bytes | None
    margin: float = 0.0
    """How far it is from a threshold, in log odds."""
    alike: tuple[Decision, ...] = ()
    """Others that are nearly the same and ask about the same policies: what is said of it is said of them."""
    known: Mapping[str, Review] = field(default_factory=dict)
    """Of a golden one, what others said of it, by policy."""


def chance_of(kind: Kind, decision: Decision, drawn: float) -> float:
    """The chance with which it came to be asked about; `drawn` is that of a decision that does not say its own."""
    if kind != "drawn":
        return 1.0
    said = decision.review_probability
    return drawn if said is msgspec.UNSET else said
