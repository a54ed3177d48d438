"""How much of what a policy flags is right, and how much it misses, by reviews of what was decided.

Reviews are of events that were chosen with known chances: each stands for one over its chance. Of those that a policy
flagged, and of those that nothing acted on, the share that shows it is Hajek's (`weighted.part`). How many of either
there are is counted, not estimated. So

    missed = allowed * share of the allowed that shows it
    caught = flagged * share of the flagged that shows it
    miss rate = missed / (missed + caught)

A ratio to what is counted, and not the bare total of Horvitz and Thompson: where people get through half of what was
drawn, the total would be half of what there is, and the share stays what it is. For the interval, that of missed /
caught is found as in `shares.least_ratio` (Donner and Zou 2012), since the two are of different events.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.lab.evaluation.shares import Estimate, least_ratio
from pipeline.lab.evaluation.weighted import Tally, part

LITTLE = 0.8
"""Where reviews stand for less than this share of what there is, that is said."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Events of one kind: how many there are, and the reviewed ones among them, without those left unsure."""

    events: int
    yes: Tally
    no: Tally

    @property
    def reviewed(self) -> int:
        return self.yes.images + self.no.images

    @property
    def share(self) -> Estimate:
        """The share of them that shows it; NaN where none was reviewed."""
        return part(self.yes, self.no)

    @property
    def showing(self) -> Estimate:
        """How many of them show it; NaN where none was reviewed."""
        found = self.share
        return Estimate(*(self.events * each for each in (found.value, found.low, found.high)))

    @property
    def stands_for(self) -> float:
        """How many events the reviewed ones stand for."""
        return self.yes.weight + self.no.weight


@dataclass(frozen=True, slots=True)
class PolicyQuality:
    """What reviews say of one policy's decisions."""

    policy: str
    flagged: Stratum
    """Events that it matched, enforced or in shadow."""
    allowed: Stratum
    """Events that it was asked of and did not match, and that no other policy acted on."""
    others: int
    """Reviewed events that it did not match, and another policy acted on: neither caught by it nor missed."""
    unsure: int
    missing: int
    """Reviews of events that are not among those that were looked through."""
    unscored: int = 0
    """Events that policy sets without it decided: it neither flagged nor allowed them."""
    unscored_reviewed: int = 0
    """Those of them that are reviewed."""

    @property
    def precision(self) -> Estimate:
        """The share of what it flags that shows it."""
        return self.flagged.share

    @property
    def misses(self) -> Estimate:
        """The share of all that shows it that was allowed; NaN where that cannot be told."""
        return miss_rate(self.allowed, self.flagged)

    def remarks(self) -> Iterator[str]:
        """In words what the reviews leave open."""
        if not self.allowed.reviewed:
            yield (
                f"none of {self.allowed.events:,} allowed images was reviewed, so what is missed cannot be told; with"
                " review_sample a worker draws some"
            )
        if not self.flagged.reviewed and self.flagged.events:
            yield f"none of {self.flagged.events:,} flagged images was reviewed, so precision cannot be told"
        for kind, stratum in (("flagged", self.flagged), ("allowed", self.allowed)):
            if 0 < stratum.stands_for < LITTLE * stratum.events:
                yield (
                    f"reviews stand for {stratum.stands_for:,.0f} of {stratum.events:,} {kind} images; the others are"
                    " taken to be like them"
                )
        if self.unscored:
            reviewed = f", of which {self.unscored_reviewed:,} are reviewed," if self.unscored_reviewed else ""
            yield f"{self.unscored:,} images{reviewed} were decided by policies without it, and count neither way"
        if self.missing:
            yield f"{self.missing:,} reviewed images are not in the archive, or were decided at another time"


def miss_rate(allowed: Stratum, flagged: Stratum) -> Estimate:
    """``missed / (missed + caught)``; NaN, with an interval of 0 to 1, where it cannot be told.

    Where nothing was flagged, nothing was caught.
    """
    nothing_caught = not flagged.events
    if not allowed.reviewed or not (flagged.reviewed or nothing_caught):
        return Estimate(math.nan, 0.0, 1.0)
    missed = allowed.showing
    caught = Estimate(0.0, 0.0, 0.0) if nothing_caught else flagged.showing
    if not missed.value + caught.value:
        return Estimate(math.nan, 0.0, 1.0)
    low, high = _of_odds(least_ratio(missed, caught)), 1 - _of_odds(least_ratio(caught, missed))
    value = missed.value / (missed.value + caught.value)
    return Estimate(value, min(value, low), max(value, high))


def _of_odds(odds: float) -> float:
    return odds / (1 + odds)
