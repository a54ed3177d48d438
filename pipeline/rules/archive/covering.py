"""Which segments count while small ones are merged into larger ones, so that every record is read exactly once.

A merged segment says in its name from which record up to which it holds all that its chain had: ``START_END``.
Nothing is locked, and nothing is ever overwritten by merging. First the merged one is created, then those go that
it was merged of; in between, and for ever if whoever did it was killed, both are there. So readers go by names
alone:

- a segment of the archiver's that begins within a merged one is void. All its records are in there: merged are whole
  segments of a chain, and where a segment ends inside the range none can begin that would go beyond;
- of two merged ones that overlap, since two who did not know of each other made them, the one that begins first
  counts, and the other only from where the first one ends.

To remove a segment takes another that holds all its records that count. The records of a segment that do not count
are in one that begins before it, so those who remove segments at the same time never rely on each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from pipeline.rules.archive.names import SegmentName


class Part(NamedTuple):
    """A segment, and the records of it that count: from `first` up to and without `until`, or up to its end."""

    name: SegmentName
    first: int
    until: int | None


class Covering(NamedTuple):
    """Segments as they count."""

    parts: list[Part]
    """In the order of chains, and in each of records."""
    void: list[SegmentName]
    """None of their records count; they may be removed."""


def covering(names: Iterable[SegmentName]) -> Covering:
    """How the segments of a listing count. Those of other chains change nothing."""
    parts: list[Part] = []
    void: list[SegmentName] = []
    for _, chain in groupby(sorted(names, key=_order), key=lambda name: name.chain):
        counting: list[tuple[SegmentName, int]] = []
        reached = 0
        for name in chain:
            if (name.start if name.end is None else name.end - 1) < reached:
                void.append(name)
                continue
            counting.append((name, max(name.start, reached)))
            reached = reached if name.end is None else name.end
        limits = [*(first for _, first in counting[1:]), None]
        parts += [Part(name, first, until) for (name, first), until in zip(counting, limits, strict=True)]
    return Covering(parts, void)


def cover_of(name: SegmentName, names: Iterable[SegmentName]) -> SegmentName | None:
    """The merged segment within which one of the archiver's begins; None where there is none."""
    within = (
        each
        for each in names
        if each.chain == name.chain and each.end is not None and each.start <= name.start < each.end
    )
    return max(within, key=lambda each: each.end or 0, default=None)


def _order(name: SegmentName) -> tuple[str, int, bool, int]:
    """By chain and first record; of those that begin alike the longest is first, and the archiver's last."""
    return name.chain, name.start, name.end is None, -(name.end or 0)
