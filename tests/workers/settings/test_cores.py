"""Cores that may be used, by affinity and by the quotas of every control group that this process is in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.settings.cores import usable_cores

PINNED = 8

UNIFIED = "29 23 0:26 {group} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
VERSION_1 = "33 32 0:29 {group} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
OTHER = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw"


@pytest.fixture(autouse=True)
def _pinned_to_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(PINNED)))


def machine(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """``/proc`` and ``/sys`` of a machine, as a folder."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/self/mountinfo").write_text(mounts)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", PINNED), ("50000 100000\n", 1), ("150000 100000\n", 2), ("rubbish", PINNED), ("1 0", PINNED)],
)
def test_a_quota_lowers_the_count_and_never_below_one(tmp_path: Path, text: str, cores: int) -> None:
    root = machine(tmp_path, "0::/\n", f"{OTHER}\n{UNIFIED.format(group='/')}\n", {"cpu.max": text})
    assert usable_cores(root) == cores


def test_the_least_quota_of_all_groups_around_counts(tmp_path: Path) -> None:
    """A pod's quota binds its containers, and a slice's its services, however large their own is."""
    files = {
        "pods.slice/pod7/worker/cpu.max": "600000 100000",
        "pods.slice/pod7/cpu.max": "300000 100000",
        "pods.slice/cpu.max": "max 100000",
        "other.slice/cpu.max": "100000 100000",
    }
    root = machine(tmp_path, "0::/pods.slice/pod7/worker\n", UNIFIED.format(group="/"), files)
    assert usable_cores(root) == 3


def test_version_1_has_quota_and_period_in_files_of_their_own(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000\n",
        "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        "cpu,cpuacct/docker/cpu.cfs_quota_us": "-1\n",
        "cpu,cpuacct/docker/cpu.cfs_period_us": "100000\n",
    }
    groups = "9:name=systemd:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n"
    root = machine(tmp_path, groups, f"{OTHER}\n{VERSION_1.format(group='/')}\n", files)
    assert usable_cores(root) == 3


@pytest.mark.parametrize("group", ["/docker/abc", "/"])
def test_a_container_that_sees_its_own_group_alone_finds_its_quota(tmp_path: Path, group: str) -> None:
    """Mounted at its own group, or under a name from outside that does not exist inside."""
    files = {"cpu,cpuacct/cpu.cfs_quota_us": "200000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
    root = machine(tmp_path, "4:cpu,cpuacct:/docker/abc\n", VERSION_1.format(group=group), files)
    assert usable_cores(root) == 2


def test_a_folder_with_a_space_in_its_name_is_found(tmp_path: Path) -> None:
    mount = r"29 23 0:26 / /sys/fs/cgroup/a\040b rw - cgroup2 cgroup2 rw"
    assert usable_cores(machine(tmp_path, "0::/\n", mount, {"a b/cpu.max": "400000 100000"})) == 4


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == PINNED
    assert 1 <= usable_cores() <= PINNED
