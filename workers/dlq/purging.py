"""Which beginnings of a topic's partitions are to go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.errors import UsageError
from pipeline.ports import Topic
from pipeline.wire.replays import number


class Purge(NamedTuple):
    """The records of one partition that stand before an offset, and how many those are at most."""

    partition: int
    before: int
    records: int


def up_to_time(topic: Topic, time: float) -> list[Purge]:
    """Up to the first record of each partition that was written at that time or later."""
    return _planned(topic, topic.offsets_at(time))


def up_to_offsets(topic: Topic, said: Sequence[str]) -> list[Purge]:
    """Up to the offsets that are said, ``PARTITION=OFFSET`` each; up to the ends where none is.

    Raises `UsageError` for one that is not there.
    """
    spans = topic.spans()
    if not said:
        return _planned(topic, {partition: span.end for partition, span in spans.items()})
    offsets = dict(map(_parsed, said))
    for partition, offset in offsets.items():
        if partition not in spans or offset > spans[partition].end:
            has = {each: span.end for each, span in spans.items()}
            raise UsageError(f"--up-to {partition}={offset}: {topic.name} has partitions that end so: {has}")
    return _planned(topic, offsets)


def _parsed(said: str) -> tuple[int, int]:
    partition, _, offset = (part.strip() for part in said.partition("="))
    numbers = number(partition), number(offset)
    if numbers[0] is None or numbers[1] is None:
        raise UsageError(f"--up-to {said}: say PARTITION=OFFSET, such as 0=1500")
    return numbers[0], numbers[1]


def _planned(topic: Topic, offsets: Mapping[int, int]) -> list[Purge]:
    spans = topic.spans()
    return [
        Purge(partition, offset, max(0, offset - spans[partition].first))
        for partition, offset in sorted(offsets.items())
    ]
