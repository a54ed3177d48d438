"""Ask the archive: its segments one after the other, with a bar, into one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pipeline.archive.archive import TOGETHER, Archive, Segment
from pipeline.archive.segments import contents
from pipeline.errors import ServiceError, UsageError
from pipeline.lab.backtest.bounds import Screen
from pipeline.lab.backtest.engine import COLUMNS, EVERY_COLUMN, Engine, Question
from pipeline.lab.backtest.record import Asked, Record, Skipped
from pipeline.lab.backtest.whole import whole
from pipeline.rules.times import Window
from workers.archive.opening import nothing_in


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


def _columns(archive: Archive, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Of a bucket all that may be needed: an object that is replaced between two reads cannot be read on."""
    if segments and archive.store.local(segments[0].path) is None:
        return EVERY_COLUMN
    return COLUMNS


def _absolute(time: str) -> bool:
    try:
        datetime.fromisoformat(time.strip())
    except ValueError:
        return False
    return True


def share_of(segments: Sequence[Segment], shard: Shard | None) -> list[Segment]:
    return [each for each in segments if shard is None or shard.has(each)]


def run(
    archive: Archive,
    segments: Sequence[Segment],
    question: Question,
    asked: Asked,
    window: Window,
    shard: Shard | None,
    progress: Callable[[int], object],
    screen: Screen,
) -> Record:
    """Judge what the segments hold. `progress` is told of their bytes, as `bytes_of` counts them, as they are done.

    Raises `ServiceError` where none of them is of the model that is asked about, and where nothing is in the window.
    """
    mine = share_of(segments, shard)
    fitting = [each for each in mine if _fits(each, asked)]
    skipped = _skipped(archive, [each for each in mine if not _fits(each, asked)])
    if not any(_fits(each, asked) for each in segments):
        raise _of_others(archive, segments, asked)
    engine = Engine(question, screen)
    for block in archive.blocks(fitting, _columns(archive, fitting), window, mapped=TOGETHER):
        engine.take(block)
        progress(block.segment.stored.bytes * len(block.rows) // block.contents.rows)
    if not engine.rows and shard is None:
        raise nothing_in(archive, window)
    return whole(engine, archive, asked, segments=len(fitting), skipped=skipped, shards=[str(shard)] if shard else ())


def bytes_of(segments: Sequence[Segment]) -> int:
    return sum(each.stored.bytes for each in segments)


def _fits(segment: Segment, asked: Asked) -> bool:
    group = segment.name.group
    return (group.fingerprint, group.preprocess) == (asked.fingerprint, asked.preprocess)


def _skipped(archive: Archive, segments: Sequence[Segment]) -> list[Skipped]:
    count, events = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for each in segments:
        key = each.name.group.fingerprint, each.name.group.preprocess
        count[key] += 1
        with archive.file(each) as file:
            events[key] += contents(file, each.path).events
    return [
        Skipped(fingerprint=key[0], preprocess=key[1], segments=count[key], events=events[key])
        for key in sorted(count)
    ]


def _of_others(archive: Archive, segments: Sequence[Segment], asked: Asked) -> ServiceError:
    kinds = {(each.name.group.fingerprint, each.name.group.preprocess) for each in segments}
    there = ", ".join(f"model {model} by {preprocess}" for model, preprocess in sorted(kinds))
    return ServiceError(
        f"the archive {archive.store.address} has no rows of model {asked.fingerprint} by {asked.preprocess}; "
        f"there are {there}"
    )
