"""Ask the archive: its segments one after the other, with a bar, into one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.archive.archive import TOGETHER, Archive, Segment
from pipeline.archive.segments import contents
from pipeline.errors import ServiceError
from pipeline.lab.backtest.bounds import Screen
from pipeline.lab.backtest.engine import COLUMNS, EVERY_COLUMN, Engine, Question
from pipeline.lab.backtest.record import Asked, Record, Skipped
from pipeline.lab.backtest.whole import whole
from pipeline.rules.times import Window
from workers.archive.opening import nothing_in
from workers.archive.shards import Shard, share_of


def _columns(archive: Archive, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Of a bucket all that may be needed: an object that is replaced between two reads cannot be read on."""
    if segments and archive.store.local(segments[0].path) is None:
        return EVERY_COLUMN
    return COLUMNS


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
