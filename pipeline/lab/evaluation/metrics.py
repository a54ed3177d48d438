"""What is asked of a ranking: top-k, accuracy by group and class, what templates gain, what a shift of data costs.

Every share is of examples that have a label and could be read, and has its 95 % interval (see `shares`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.evaluation.reliability import reliability
from pipeline.lab.evaluation.shares import Estimate, difference, paired_difference, ratio, share, simultaneous
from pipeline.lab.evaluation.zero_shot import Ranking

TOPS = (1, 5)
LEAST_IN_GROUP = 10
"""Examples that a group must have to take part in the largest gap: three images can differ by any amount."""


@dataclass(frozen=True, slots=True)
class TopK:
    """How often a right class is among the first k."""

    k: int
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Slice:
    """Top-1 accuracy of one group's or class's examples; ``mistaken_for`` is what most often comes first instead."""

    name: str
    accuracy: Estimate
    examples: int
    mistaken_for: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """The two groups that lie furthest apart, and the difference of their accuracies.

    The interval holds for all pairs of groups at once, since it is for its gap that the pair was chosen.
    """

    best: str
    worst: str
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Shift:
    """How much of the accuracy on one data set is kept on another; ``kept`` is None where there was none to keep.

    Both are taken over the ``classes`` that both data sets show, among all classes of the first.
    """

    data: str
    classes: int
    before: Estimate
    after: Estimate
    kept: Estimate | None
    top: tuple[TopK, ...]
    """Of the other data set."""
    ece: float
    """The expected calibration error on the other data set."""
    overconfidence: float
    """There, mean confidence less accuracy."""


def top_k(ranking: Ranking, classes: int, tops: Iterable[int] = TOPS) -> tuple[TopK, ...]:
    """Top-k accuracy for every k below the number of classes."""
    total = len(ranking.ranks)
    return tuple(TopK(k, share(int((ranking.ranks < k).sum()), total)) for k in tops if k < classes)


def by_group(ranking: Ranking, classes: Sequence[str]) -> tuple[Slice, ...]:
    """Accuracy of each group, in their names' natural order; examples of no group are left out."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(ranking.examples):
        if example.group is not None:
            members[example.group].append(index)
    return tuple(_slice(name, members[name], ranking, classes) for name in sorted(members, key=_natural))


def by_class(ranking: Ranking, classes: Sequence[str]) -> tuple[Slice, ...]:
    """Accuracy of the examples that show each class, the worst first; an example counts for each of its labels.

    Sorted by the upper end of the interval, so that a class with one unlucky image does not come before one that is
    missed again and again.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(ranking.examples):
        for label in example.labels:
            members[label].append(index)
    slices = [_slice(name, members[name], ranking, classes) for name in members]
    return tuple(sorted(slices, key=lambda each: (each.accuracy.high, each.accuracy.value, each.name)))


def _slice(name: str, members: Sequence[int], ranking: Ranking, classes: Sequence[str]) -> Slice:
    right, first = ranking.right[members], ranking.first[members]
    mistakes = Counter(first[~right].tolist()).most_common(1)
    mistaken_for = classes[mistakes[0][0]] if mistakes else None
    return Slice(name, share(int(right.sum()), len(members)), len(members), mistaken_for)


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which "8 px" comes before "16 px"."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def largest_gap(groups: Sequence[Slice]) -> Gap | None:
    """The largest difference between groups of `LEAST_IN_GROUP` examples or more; None with fewer than two such."""
    large = [group for group in groups if group.examples >= LEAST_IN_GROUP]
    pairs = comb(len(large), 2)
    if not pairs:
        return None
    best = max(large, key=lambda group: group.accuracy.value)
    worst = min((group for group in large if group is not best), key=lambda group: group.accuracy.value)
    return Gap(best.name, worst.name, difference(_counts(best), _counts(worst), simultaneous(pairs)))


def _counts(group: Slice) -> tuple[int, int]:
    return round(group.accuracy.value * group.examples), group.examples


def gain(ensemble: NDArray[np.bool_], one: NDArray[np.bool_]) -> Estimate:
    """Accuracy through all templates less that through one, on the same N > 0 examples; both ``bool[N]``."""
    return paired_difference(int((ensemble & ~one).sum()), int((one & ~ensemble).sum()), len(ensemble))


def shift(before: Ranking, after: Ranking, data: str, classes: int) -> Shift | None:
    """What is kept of `before`'s accuracy in `after`, which comes from `data`; None with no class in common.

    Both were ranked among as many ``classes``.

    An image with several labels is of every class that it shows.
    """
    shown = [{label for example in each.examples for label in example.labels} for each in (before, after)]
    common = shown[0] & shown[1]
    if not common:
        return None
    chosen, kept = (_among(ranking, common) for ranking in (before, after))
    old, new = (int(before.right[chosen].sum()), int(chosen.sum())), (int(after.right[kept].sum()), int(kept.sum()))
    trust = reliability(after.confidence[kept], after.right[kept])
    top = tuple(TopK(k, share(int((after.ranks[kept] < k).sum()), new[1])) for k in TOPS if k < classes)
    return Shift(
        data=data,
        classes=len(common),
        before=share(*old),
        after=share(*new),
        kept=ratio(new, old),
        top=top,
        ece=trust.ece,
        overconfidence=trust.overconfidence,
    )


def _among(ranking: Ranking, common: set[str]) -> NDArray[np.bool_]:
    """``bool[N]``: which examples show one of these classes."""
    return np.array([not common.isdisjoint(example.labels) for example in ranking.examples], bool)
