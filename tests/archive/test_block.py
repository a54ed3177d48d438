"""A block that is divided is the same events, with all that is known of them, as two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive import archive as reading
from pipeline.archive.archive import SIGNALS, Archive, Block
from pipeline.archive.coarse import COARSE
from tests.archive.made import keep, records

COLUMNS = ("record", *SIGNALS, *COARSE, "background_lse", "matches")


@contextmanager
def _block(folder: Path, views: Sequence[int], mapped: int) -> Iterator[Block]:
    keep(FolderStore(folder), records(40, views=views), start=7)
    archive = Archive(FolderStore(folder))
    blocks = archive.blocks(archive.segments(), COLUMNS, mapped=mapped)
    yield next(blocks)
    assert next(blocks, None) is None


def _told(block: Block) -> list[object]:
    everywhere = np.arange(block.events)
    return [
        (record, look.features.tobytes(), signals.regions.tobytes(), column)
        for record, look, signals, column in zip(
            block.records.tolist(),
            block.looks(everywhere),
            block.need(SIGNALS).signals(everywhere),
            block.need(["content_sha256"]).column("content_sha256").to_pylist(),
            strict=True,
        )
    ]


@pytest.mark.parametrize("mapped", [0, 4])
@pytest.mark.parametrize("views", [(1,), (1, 2, 3)])
@pytest.mark.parametrize("count", [1, 13, 20])
def test_both_parts_have_what_the_whole_has(tmp_path: Path, views: Sequence[int], mapped: int, count: int) -> None:
    with _block(tmp_path, views, mapped) as block:
        first, rest = block.divided(count)
        assert (first.events, rest.events) == (count, 40 - count)
        assert _told(first) + _told(rest) == _told(block)
        assert np.concatenate([first.features, rest.features]).tobytes() == block.features.tobytes()
        assert (block.coarse is None) == (mapped == 0)
        if block.coarse is not None:
            parts = [each.coarse for each in (first, rest) if each.coarse is not None]
            assert np.array_equal(np.concatenate([each.steps for each in parts]), block.coarse.steps)
            assert np.array_equal(np.concatenate([each.errors for each in parts]), block.coarse.errors)
            codes = [piece for each in parts for piece in each.codes]
            assert np.array_equal(np.concatenate(codes), np.concatenate(block.coarse.codes))


def test_a_small_one_stays_whole(tmp_path: Path) -> None:
    with _block(tmp_path, (1,), 4) as block:
        assert list(block.divided(21)) == [block]


@pytest.mark.parametrize("mapped", [0, 4])
def test_the_first_block_of_an_archive_is_small_and_columns_can_be_had_of_it_later(
    tmp_path: Path, mapped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FEW", 5)
    store, made = FolderStore(tmp_path), records(60)
    keep(store, made[:30])
    keep(store, made[30:], start=30)
    archive, found, sizes = Archive(store), list[str](), list[int]()
    for block in archive.blocks(archive.segments(), ["record"], mapped=mapped):
        found += block.need(["image_id"]).column("image_id").to_pylist()
        sizes.append(block.events)
    assert sizes == [5, 25, 30]
    assert found == [f"image-{number}" for number in range(60)]


def test_codes_of_single_rows_are_those_of_all(tmp_path: Path) -> None:
    with _block(tmp_path, (1, 2), 4) as block:
        assert block.coarse is not None
        rows = np.array([17, 0, 41])
        some = block.coarse.some(rows)
        assert np.array_equal(some.codes[0], np.concatenate(block.coarse.codes)[rows])
        assert some.holds(np.arange(3), block.views(rows))
        assert not some.holds(np.arange(3), block.views(rows[::-1]))
