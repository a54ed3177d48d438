"""The precision of a threshold on a sample or on a stream, and how many images it takes to show one.

Intervals are those of `shares`: Wilson's, at 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.lab.evaluation.shares import Estimate, share, simultaneous
from pipeline.rules.wilson import LEVEL, Z

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Counts:
    """What a threshold does on a sample: of ``positives`` images it flags ``hits``, of ``negatives`` ``false``."""

    hits: int
    positives: int
    false: int
    negatives: int


def rate(part: int, total: int, z: float = Z) -> Estimate:
    """`share`; of a total of 0 the value is NaN and the interval 0 to 1."""
    return share(part, total, z) if total else Estimate(math.nan, 0.0, 1.0)


def precision_of(counts: Counts, prevalence: float | None) -> Estimate:
    """The share of the flagged images that are rightly flagged; NaN where none is flagged.

    Without a prevalence it is the sample's precision. A prevalence is the share of a stream's images that show it;
    the stream's precision then follows from recall and false positive rate by `bayes`. It rises with the first and
    falls with the second, so its interval joins their bounds, both at 95 % at once (Bonferroni), and is rather too
    wide than too narrow.
    """
    if prevalence is None:
        return rate(counts.hits, counts.hits + counts.false)
    both = simultaneous(2)
    recall = rate(counts.hits, counts.positives, both)
    false = rate(counts.false, counts.negatives, both)
    return Estimate(
        bayes(recall.value, false.value, prevalence),
        bayes(recall.low, false.high, prevalence),
        bayes(recall.high, false.low, prevalence),
    )


def bayes(recall: float, false_rate: float, prevalence: float) -> float:
    """The precision on a stream by Bayes' theorem, ``p*r / (p*r + (1-p)*f)``; NaN where nothing is flagged."""
    right, wrong = prevalence * recall, (1 - prevalence) * false_rate
    return right / (right + wrong) if right + wrong > 0 else math.nan


def positives_to_show(precision: float) -> int:
    """The positives that a flawless threshold needs for its precision's interval to begin at `precision` (below 1).

    Solves ``share(n, n).low = n / (n + Z**2)`` for n: 73 to show 0.95, 381 to show 0.99.
    """
    return math.ceil(Z**2 * precision / (1 - precision))


def negatives_to_show(precision: float, prevalence: float, positives: int, hits: int | None = None) -> int:
    """The negatives, none of them flagged, that show `precision` on a stream, with `hits` of the positives flagged.

    Without `hits` all are. Solves ``bayes(share(hits, positives, z).low, share(0, m, z).high, prevalence) =
    precision`` for m, z as in `precision_of`. There are positives, and hits.
    """
    z = simultaneous(2)
    recall = share(positives if hits is None else hits, positives, z).low
    false_rate = recall * prevalence * (1 - precision) / ((1 - prevalence) * precision)
    return max(1, math.ceil(z**2 * (1 / false_rate - 1)))


def negatives_to_budget(per_million: float) -> int:
    """The negatives of which none may be flagged to show, at 95 %, that at most `per_million` of a million are.

    Solves ``(1 - rate)**m = 5 %`` for m, about 3/rate: the rule of three (Hanley & Lippman-Hand 1983, "If nothing
    goes wrong, is everything all right?", JAMA 249, 1743-1745).
    """
    return math.ceil(math.log(1 - LEVEL) / math.log1p(-per_million / MILLION))
