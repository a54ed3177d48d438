"""Shares of an archive that are searched apart have the answer of the whole together."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.search.likeness import Likeness
from pipeline.errors import UsageError
from pipeline.rules.times import ALWAYS
from tests.archive.made import MADE_BY, keep, records
from tests.archive.search.queries import unit
from tests.workers.search.conftest import COPY, Ask
from workers.archive.shards import Shard, share_of
from workers.search.parts import Part, merged, part_of
from workers.search.record import Answer, Asked
from workers.search.run import Search, answer, gone_through

PARTITIONS, SHARES = 7, 3


def _archive() -> Archive:
    """Some pictures are there more than once, in several partitions, so that lines of different shares are one."""
    store, made = MemoryStore(), records(200)
    for partition in range(PARTITIONS):
        again = [made[number] for number in range(0, 60, 3 + partition)]
        keep(store, [*made[partition::PARTITIONS], *again], partition=partition)
    return Archive(store)


def _asked(most: int, alike: float) -> Search:
    views = unit(np.random.default_rng(3), 2)
    asked = Asked(archive="memory", like=["one"], least=-1.0, alike=alike)
    return Search(asked, Likeness(views), MADE_BY, ALWAYS, most)


def _whole(archive: Archive, what: Search) -> Answer:
    return answer(archive, what, *gone_through(archive, archive.segments(), what, threads=1))


def _parts(archive: Archive, what: Search) -> list[Part]:
    made = []
    for number in range(1, SHARES + 1):
        shard = Shard(number, SHARES)
        found = gone_through(archive, share_of(archive.segments(), shard), what, threads=1)
        made.append(msgspec.json.decode(part_of(archive, what, *found, shard).as_json(), type=Part))
    return made


@pytest.mark.parametrize(("most", "alike"), [(5, 2.0), (20, 0.999), (1000, 0.999)])
def test_parts_have_the_answer_of_the_whole_to_the_byte(most: int, alike: float) -> None:
    archive, what = _archive(), _asked(most, alike)
    whole, parts = _whole(archive, what), _parts(archive, what)
    assert sum(bool(part.rows) for part in parts) > 1
    for order in (parts, parts[::-1]):
        together = merged(order)
        assert together.record.as_json() == whole.record.as_json()
        assert together.thumbnails == whole.thumbnails
    assert any(each.alike for each in whole.record.found) == (alike < 1)


def test_parts_of_different_searches_and_missing_ones_are_refused() -> None:
    archive = _archive()
    parts = _parts(archive, _asked(5, 2.0))
    with pytest.raises(UsageError, match="these are parts 1/3, 3/3; a search is whole with 1/3, 2/3, 3/3"):
        merged([parts[0], parts[2]])
    with pytest.raises(UsageError, match="each once"):
        merged([*parts, parts[0]])
    with pytest.raises(UsageError, match="no parts of one search"):
        merged([*parts[:2], _parts(archive, _asked(6, 2.0))[2]])


def test_the_command_prints_parts_and_makes_one_answer_of_them(ask: Ask, tmp_path: Path) -> None:
    whole, files = ask(["a bus"]), []
    for number in (1, 2):
        part = ask(["a bus"], shard=f"{number}/2")
        assert part.status == 0
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(part.stdout)
    together = ask([], merge=files)
    assert (together.status, together.record) == (0, whole.record)
    assert re.search(r"\b1 more that are nearly the same", ask([], merge=files, as_json=False).stdout)
    assert COPY in ask(["a bus"], unfolded=True).ids
    with pytest.raises(UsageError, match=r"not what sluice search --shard K/N prints"):
        ask([], merge=[Path(__file__)])
    with pytest.raises(UsageError, match="leave the words out"):
        ask(["a bus"], merge=files)
    with pytest.raises(UsageError, match="give --since and --until as dates"):
        ask(["a bus"], shard="1/2", since="7d")
