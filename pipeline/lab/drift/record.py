"""What an archive's report says, as a value."""

from __future__ import annotations

import msgspec

SCHEMA = "sluice.archive-report.v1"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole archive, whatever day and model."""

    segments: int
    bytes: int
    days: int


class DayCounts(msgspec.Struct, frozen=True, kw_only=True):
    day: str
    images: int
    rows: int
    verdicts: dict[str, int]


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """The share of images that match, with the ends of its 95 % interval."""

    matches: int
    images: int
    value: float
    low: float
    high: float


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Quantiles are told in steps of 0.005."""

    mean: float
    median: float
    p90: float
    p99: float


class PolicyDrift(msgspec.Struct, frozen=True, kw_only=True):
    """A policy on the last day and in the month before. What needs a month is None where there is none."""

    policy: str
    rate: Rate
    scores: Scores
    rate_before: Rate | None = None
    scores_before: Scores | None = None
    stability: float | None = None
    """The population stability index of its scores, less what it has by chance."""
    chance: float | None = None
    """How often a day is that far out, of days in any order; None where there are too few days to tell."""
    by_day: dict[str, Rate]

    @property
    def drifted(self) -> bool:
        return _rare(self.chance)


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """What images look like as a whole."""

    mean_shift: float
    """One minus the cosine of the two mean directions."""
    discrepancy: float
    """The squared maximum mean discrepancy of a sample; about 0 where nothing has changed."""
    sampled: tuple[int, int]
    """Images of the last day and of the month."""
    chance: float | None
    by_day: dict[str, float]
    """The discrepancy of each day from all others."""

    @property
    def drifted(self) -> bool:
        return _rare(self.chance)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    archive: str
    size: Size
    model: str
    preprocess: str
    day: str
    days_before: int
    """Of the month before, those that have images of this model."""
    left_out: int
    """Segments of these days that are of another model or preprocessing."""
    days: list[DayCounts]
    policy_sets: tuple[int, int]
    """How many the last day had, and how many the month."""
    edited: bool
    """Whether a policy set decided on the last day that the month did not have: scores then differ by it, too."""
    policies: list[PolicyDrift]
    features: FeatureDrift | None
    """None without a month before."""

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()


def _rare(chance: float | None) -> bool:
    return chance is not None and chance <= RARE


RARE = 0.05
"""How rarely a day may be that far out before it is called drift."""
