"""Parts of an archive add up to the whole, to the byte, however it was divided."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from pipeline.archive.archive import Archive
from pipeline.errors import UsageError
from pipeline.lab.backtest.engine import COLUMNS, Engine, Question
from pipeline.lab.backtest.merge import merge
from pipeline.lab.backtest.record import Record, parse_record, record_bytes
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.lab.backtest.whole import whole
from tests.lab.backtest.test_engine import SOFTMAX, World
from tests.lab.backtest.world import ASKED, archived, records


@pytest.fixture(scope="module")
def archive_and_question() -> tuple[Archive, Question]:
    world = World.of(SOFTMAX)
    decided = world.decided(world.old)
    pieces = []
    for shown, decisions in zip(world.shown, decided, strict=True):
        made = records(shown, world.old, decisions)
        pieces += [made[:20], made[20:45], made[45:]]
    return archived(*pieces), Question(world.new, nearest=4)


def _of(archive: Archive, question: Question, shards: Sequence[str], keep: Sequence[int]) -> Record:
    engine = Engine(question, FastLook(question.sets))
    segments = [segment for at, segment in enumerate(archive.segments()) if at in keep]
    for block in archive.blocks(segments, COLUMNS):
        engine.take(block)
    return whole(engine, archive, msgspec.structs.replace(ASKED, nearest=4), segments=len(segments), shards=shards)


@pytest.mark.parametrize("parts", [2, 3, 9, 11])
def test_shards_add_up_to_the_byte(archive_and_question: tuple[Archive, Question], parts: int) -> None:
    archive, question = archive_and_question
    every = range(len(archive.segments()))
    together = _of(archive, question, (), every)
    shares = [
        _of(archive, question, [f"{part + 1}/{parts}"], [at for at in every if at % parts == part])
        for part in range(parts)
    ]
    read = [parse_record(record_bytes(each)) for each in reversed(shares)]
    assert record_bytes(merge(read)) == record_bytes(together)
    half = merge(read[: len(read) // 2])
    assert record_bytes(merge([half, *read[len(read) // 2 :]])) == record_bytes(together)
    assert len(half.shards) == parts // 2


def test_what_does_not_belong_together_is_refused(archive_and_question: tuple[Archive, Question]) -> None:
    archive, question = archive_and_question
    one, two = (_of(archive, question, [f"{part}/2"], [part]) for part in (1, 2))
    with pytest.raises(UsageError, match="in two of these parts"):
        merge([one, one])
    assert merge([one, two]).shards == ()
    with pytest.raises(UsageError, match="different sizes"):
        merge([one, _of(archive, question, ["3/4"], [3])])
    with pytest.raises(UsageError, match="no parts of one backtest"):
        merge([one, msgspec.structs.replace(two, asked=ASKED)])
