"""Cores that may be used, by affinity and by the container's quota."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.cores import usable_cores

PINNED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", PINNED), ("50000 100000\n", 1), ("150000 100000\n", min(2, PINNED)), ("rubbish", PINNED)],
)
def test_a_quota_lowers_the_count_and_never_below_one(tmp_path: Path, text: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path / "cpu.max") == cores


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "nothing") == PINNED
