"""Rows of a mapped file that are not in memory come together, without those between them."""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.archive import fetching
from pipeline.archive.fetching import fetch

ROWS, WIDTH = 4096, 1024


def _mapped(path: Path) -> np.ndarray:
    path.write_bytes(np.arange(ROWS * WIDTH // 4, dtype="<u4").tobytes())
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapping, "<u4").reshape(ROWS, WIDTH // 4)


def _resident(rows: np.ndarray) -> np.ndarray:
    pages = np.zeros(rows.nbytes // mmap.PAGESIZE, np.uint8)
    start, size = ctypes.c_void_p(rows.ctypes.data), ctypes.c_size_t(rows.nbytes)
    assert ctypes.CDLL(None).mincore(start, size, ctypes.c_void_p(pages.ctypes.data)) == 0
    return np.flatnonzero(pages & 1)


def test_the_pages_of_these_rows_are_asked_for_and_no_others(tmp_path: Path) -> None:
    rows = _mapped(tmp_path / "rows")
    if len(_resident(rows)):
        pytest.skip("this file system keeps files in memory: nothing is ever fetched from it")
    wanted = np.array([5, 6, 2000, 4095])
    fetch(rows, wanted)
    pages = {1, 500, 1023}
    for _ in range(200):
        if set(_resident(rows)) >= pages:
            break
        time.sleep(0.05)
    assert pages <= set(_resident(rows))
    assert len(_resident(rows)) < 64
    assert rows[wanted, 0].tolist() == (wanted * WIDTH // 4).tolist()


def test_where_the_file_is_in_memory_nothing_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _mapped(tmp_path / "rows")
    assert rows.sum() > 0
    monkeypatch.setattr(fetching, "_libc", _Asked(ctypes.CDLL(None)))
    fetch(rows, np.arange(0, ROWS, 100))
    fetch(rows, np.zeros(0, np.intp))


class _Asked:
    """The C library, of which nothing may be asked but what is in memory."""

    def __init__(self, libc: ctypes.CDLL) -> None:
        self.mincore = libc.mincore


def test_none_and_neighbours_and_the_last_byte(tmp_path: Path) -> None:
    rows = _mapped(tmp_path / "rows")[1:]
    fetch(rows, np.zeros(0, np.intp))
    fetch(rows, np.arange(ROWS - 1))
    assert rows[-1, -1] == ROWS * WIDTH // 4 - 1
