"""A file that many processes share and nobody depends on: damaged, locked, full or not ours, it is done without."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.feature_values import encode_vector
from pipeline.adapters.local.text_cache import DiskTextCache
from tests.adapters.conftest import Heard
from tests.adapters.text_vectors import VECTORS, D, unit


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def cache(tmp_path: Path, heard: Heard) -> DiskTextCache:
    return DiskTextCache(tmp_path, heard)


def put_many(folder: Path, start: int) -> None:
    for number in range(start, start + 20):
        DiskTextCache(folder).put("model", {f"digest-{number}": unit(number)})


def test_another_process_finds_what_was_put(cache: DiskTextCache, tmp_path: Path) -> None:
    cache.put("model", VECTORS)
    found = DiskTextCache(tmp_path).get("model", list(VECTORS), D)
    assert all(np.array_equal(found[digest], VECTORS[digest]) for digest in VECTORS)


def test_processes_that_write_at_the_same_time_lose_nothing(cache: DiskTextCache, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put_many, args=(tmp_path, start)) for start in (0, 100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wanted = [f"digest-{start + number}" for start in (0, 100, 200) for number in range(20)]
    found = cache.get("model", wanted, D)
    assert all(np.array_equal(found[digest], unit(int(digest.partition("-")[2]))) for digest in found)
    assert len(found) > len(wanted) * 0.9  # who waits half a second for a slow disk does without


def test_nobody_else_may_read_or_write_it(cache: DiskTextCache) -> None:
    cache.put("model", VECTORS)
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("rubbish", [b"rubbish" * 1000, b"SQLite format 3\0" + bytes(4000), b"\0"])
def test_a_damaged_file_is_made_anew(cache: DiskTextCache, rubbish: bytes) -> None:
    cache.path.write_bytes(rubbish)
    assert cache.get("model", list(VECTORS), D) == {}
    cache.put("model", VECTORS)
    cache.put("model", VECTORS)  # the first may have found the damage
    assert cache.get("model", list(VECTORS), D).keys() == VECTORS.keys()


def test_a_file_that_is_damaged_in_its_middle_gives_right_features_or_none(cache: DiskTextCache) -> None:
    cache.put("model", {f"digest-{number}": unit(number) for number in range(500)})
    whole = bytearray(cache.path.read_bytes())
    for at in range(4096, len(whole), 9000):
        whole[at : at + 64] = os.urandom(64)
    cache.path.write_bytes(whole)
    for digest, vector in cache.get("model", [f"digest-{number}" for number in range(500)], D).items():
        assert abs(float(np.linalg.norm(vector)) - 1) < 0.01, digest
    cache.put("model", VECTORS)
    cache.put("model", VECTORS)
    assert cache.get("model", list(VECTORS), D).keys() == VECTORS.keys()


@pytest.mark.parametrize("value", ["text", 7, None, b"", encode_vector(unit(1) * 2), encode_vector(unit(1))[:-1]])
def test_a_value_that_is_no_features_is_a_miss(cache: DiskTextCache, heard: Heard, value: object) -> None:
    cache.put("model", VECTORS)
    with sqlite3.connect(cache.path) as file:
        file.execute("UPDATE texts SET features = ? WHERE digest = 'digest-0'", (value,))
    file.close()
    assert cache.get("model", list(VECTORS), D).keys() == VECTORS.keys() - {"digest-0"}
    assert heard.text == {"hit": 2, "miss": 1}


def test_a_file_that_somebody_holds_is_done_without(cache: DiskTextCache) -> None:
    cache.put("model", {"digest-0": VECTORS["digest-0"]})
    holder = sqlite3.connect(cache.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert cache.get("model", list(VECTORS), D) == {}
    cache.put("model", VECTORS)
    holder.execute("ROLLBACK")
    holder.close()
    assert cache.get("model", list(VECTORS), D).keys() == {"digest-0"}
    cache.put("model", VECTORS)
    assert cache.get("model", list(VECTORS), D).keys() == VECTORS.keys()


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = DiskTextCache(tmp_path / "file" / "state")
    cache.put("model", VECTORS)
    assert cache.get("model", list(VECTORS), D) == {}


def test_a_link_that_leads_to_a_full_device_costs_nothing(cache: DiskTextCache) -> None:
    cache.path.symlink_to("/dev/full")
    cache.put("model", VECTORS)
    assert cache.get("model", list(VECTORS), D) == {}


def test_beyond_its_bytes_it_forgets_models_those_that_were_put_first(tmp_path: Path) -> None:
    cache = DiskTextCache(tmp_path, most=200_000)
    many = {f"digest-{number}": unit(number) for number in range(60)}
    for model in ("first", "second", "third", "fourth"):
        cache.put(model, many)
    assert cache.path.stat().st_size <= 220_000
    assert cache.get("first", list(many), D) == {}
    assert len(cache.get("fourth", list(many), D)) == 60


def test_a_model_that_is_too_large_by_itself_is_not_kept(tmp_path: Path) -> None:
    cache = DiskTextCache(tmp_path, most=40_000)
    cache.put("model", {f"digest-{number}": unit(number) for number in range(100)})
    assert cache.path.stat().st_size <= 40_000
    assert cache.get("model", ["digest-0"], D) == {}
