"""Shares of an archive's segments, of which machines that know nothing of each other take one each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pipeline.archive.archive import Segment
from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """The K-th of N shares of the segments, counted from 1.

    All segments of one day and partition fall to the same one, so that compaction in between moves nothing.
    """

    part: int = 1
    of: int = 1

    def has(self, segment: Segment) -> bool:
        name = segment.name
        said = f"{name.group.folder}/{name.topic}-{name.partition}"
        return int.from_bytes(sha256(said.encode()).digest()[:8]) % self.of == self.part - 1

    def __str__(self) -> str:
        return f"{self.part}/{self.of}"


def shard_of(said: str | None, *times: str | None) -> Shard | None:
    """What ``K/N`` says. Raises `UsageError`, for times before now as well: each part would have a now of its own."""
    if said is None:
        return None
    if any(each is not None and not _absolute(each) for each in times):
        raise UsageError(
            "--shard: give --since and --until as dates, such as 2026-03-01, so that all parts mean the same"
        )
    part, _, of = said.partition("/")
    if not (part.isascii() and of.isascii() and part.isdigit() and of.isdigit() and 1 <= int(part) <= int(of)):
        raise UsageError(f"--shard {said}: give K/N, such as 3/8 for the third of eight shares")
    return Shard(int(part), int(of))


def share_of(segments: Sequence[Segment], shard: Shard | None) -> list[Segment]:
    return [each for each in segments if shard is None or shard.has(each)]


def _absolute(time: str) -> bool:
    try:
        datetime.fromisoformat(time.strip())
    except ValueError:
        return False
    return True
