"""Records of parts of an archive add up to the record of the whole, to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from msgspec.structs import replace

from pipeline.errors import UsageError
from pipeline.lab.backtest.draw import drawn, nearest
from pipeline.lab.backtest.moves import total
from pipeline.lab.backtest.record import PolicyDay, PolicyRecord, Record, Skipped, Threshold
from pipeline.lab.backtest.tally import completed

A = TypeVar("A")
K = TypeVar("K")


def merge(parts: Sequence[Record]) -> Record:
    """The sum of one part or more.

    Raises `UsageError` for parts of different questions, and for one that is there twice.
    """
    asked, shards = parts[0].asked, tuple(sorted(chain(*(each.shards for each in parts)), key=_in_order))
    if any(each.asked != asked for each in parts):
        raise UsageError("these are no parts of one backtest: they differ in the archive, days, model or policies")
    if len(set(shards)) < len(shards) or (len(parts) > 1 and not all(each.shards for each in parts)):
        raise UsageError("some segments are in two of these parts; give each part once")
    if len({shard.partition("/")[2] for shard in shards}) > 1:
        raise UsageError("these parts are shares of different sizes; make them all with the same N of --shard K/N")
    days = _days(chain(*(each.days for each in parts)))
    events = {each.day: each.moves.events for each in days}
    return Record(
        asked=asked,
        shards=() if _complete(shards) else shards,
        segments=sum(each.segments for each in parts),
        rows=sum(each.rows for each in parts),
        days=days,
        policies=tuple(
            _policy(same, asked.nearest, events)
            for same in _grouped(chain(*(each.policies for each in parts)), lambda each: each.policy)
        ),
        skipped=_skipped(chain(*(each.skipped for each in parts))),
    )


def _complete(shards: Sequence[str]) -> bool:
    return not shards or len(shards) == int(shards[0].partition("/")[2])


def _in_order(shard: str) -> tuple[int, int]:
    part, _, of = shard.partition("/")
    return int(of), int(part)


def _grouped(each: Iterable[A], key: Callable[[A], K]) -> list[list[A]]:
    """Those of one key together, sorted by it."""
    found: dict[K, list[A]] = {}
    for one in each:
        found.setdefault(key(one), []).append(one)
    return [found[one] for one in sorted(found)]  # type: ignore[type-var]


def _days(days: Iterable[PolicyDay]) -> tuple[PolicyDay, ...]:
    grouped = _grouped(days, lambda each: each.day)
    return tuple(PolicyDay(day=same[0].day, moves=total(each.moves for each in same)) for same in grouped)


def _policy(same: Sequence[PolicyRecord], most: int, events: Mapping[str, int]) -> PolicyRecord:
    """Of one policy; a part in which it was not met does not have it."""
    overlap: dict[str, int] = {}
    for other, count in chain(*(each.overlap.items() for each in same)):
        overlap[other] = overlap.get(other, 0) + count
    return replace(
        same[0],
        days=completed({each.day: each.moves for each in _days(chain(*(each.days for each in same)))}, events),
        thresholds=tuple(_threshold(equal, most) for equal in zip(*(each.thresholds for each in same), strict=True)),
        overlap=dict(sorted(overlap.items())),
        new=drawn(chain(*(each.new for each in same)), most),
        let_go=drawn(chain(*(each.let_go for each in same)), most),
    )


def _threshold(equal: Sequence[Threshold], most: int) -> Threshold:
    first = equal[0]
    return replace(
        first,
        above=nearest(chain(*(each.above for each in equal)), first.threshold, most),
        below=nearest(chain(*(each.below for each in equal)), first.threshold, most),
    )


def _skipped(skipped: Iterable[Skipped]) -> tuple[Skipped, ...]:
    return tuple(
        replace(
            same[0],
            segments=sum(each.segments for each in same),
            events=sum(each.events for each in same),
        )
        for same in _grouped(skipped, lambda each: (each.fingerprint, each.preprocess))
    )
