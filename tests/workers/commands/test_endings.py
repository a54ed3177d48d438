"""How commands end before they are through: Ctrl-C is one line and status 130, a reader who leaves is no error."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.pictures import picture
from tests.services.kafka import KafkaBroker
from tests.workers.commands.conftest import PATIENCE, Piped, Sluice

Options = Callable[[float], list[str]]
Running = subprocess.Popen[bytes] | Piped
Start = Callable[..., Running]

LONG = [
    ["scan", "pictures"],
    ["demo"],
    ["demo", "--serve", "--metrics-port", "0"],
    ["evaluate", "--emoji"],
    ["policy", "calibrate", "--emoji", "--precision", "0.9"],
    ["policy", "test"],
    ["card"],
    ["bench"],
    ["train", "out"],
]


def interrupted(process: Running) -> tuple[int, bytes, list[str]]:
    """Press Ctrl-C: the whole process group hears of it. Returns status, stdout and the lines of stderr."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert b"Traceback" not in err, err.decode()
    assert b"Exception ignored" not in err, err.decode()
    return process.returncode, out, err.decode().splitlines()


@pytest.mark.parametrize("words", LONG, ids=" ".join)
@pytest.mark.parametrize("moment", [0.4, 2.5])
def test_ctrl_c_while_it_imports_or_loads_is_one_line(
    start: Start, folder: Path, words: list[str], moment: float
) -> None:
    del folder
    process = start(*words)
    time.sleep(moment)
    status, _, lines = interrupted(process)
    said = [line for line in lines if not line.startswith(("sluice bench: ", "step "))]
    assert status == 130
    assert len(said) == 1
    assert said[0].startswith(("sluice: interrupted", "Interrupted at step"))


def wait_for(process: Running, needed: bytes) -> None:
    """Read its output until that has come."""
    assert process.stdout is not None
    seen = b""
    while needed not in seen:
        part = os.read(process.stdout.fileno(), 1 << 16)
        assert part, seen
        seen += part


def test_ctrl_c_in_a_scan_says_how_far_it_came(start_warm: Start, judged_by: Options, folder: Path) -> None:
    for number in range(5_000):
        (folder / f"{number}.jpg").write_bytes(picture(1))
    process = start_warm("scan", "pictures", *judged_by(0.0))
    wait_for(process, b"review")
    status, _, lines = interrupted(process)
    assert status == 130
    assert len(lines) == 1
    assert re.fullmatch(r"sluice: interrupted: \d+ judged, \d+ of them flagged; 0 unread", lines[0])


def test_a_bench_that_is_interrupted_prints_what_it_has(start_warm: Start, judged_by: Options) -> None:
    small = ["--count", "150", "--width", "160", "--height", "120", "--size", "4000", "--no-peers"]
    process = start_warm("bench", *small, "--json", *judged_by(0.0))
    assert process.stderr is not None
    while b"measuring latency" not in process.stderr.readline():
        assert process.poll() is None
    status, out, lines = interrupted(process)
    found = json.loads(out)
    assert status == 130
    assert lines[-1].startswith("sluice: interrupted; above is what was measured before, without measuring latency")
    assert found["memory"]["efficiency"] > 0
    assert found["latency"] == []
    assert "start_to_first_decision" not in found
    assert any("cut off" in line for line in found["missing"])


def test_a_bench_takes_no_more_time_than_it_is_given(sluice: Sluice, judged_by: Options) -> None:
    small = ["--count", "150", "--width", "160", "--height", "120", "--size", "4000", "--minutes", "0.1"]
    done = sluice("bench", *small, "--json", *judged_by(0.0))
    assert done.status in {0, 2}  # 2 where the time was up in the middle of something
    said = done.stderr.splitlines()
    assert said[0] == "sluice bench: [0:00 of 0:06] making 150 images"
    assert all(line.startswith("sluice") for line in said)
    found = json.loads(done.stdout) if done.stdout else {"missing": ["nothing but the loading of the model"]}
    assert found["missing"], "six seconds are not enough for all of it"


@pytest.mark.parametrize(
    "words",
    [
        ["config", "show"],
        ["config", "show", "--json"],
        ["--help"],
        ["scan", "--help"],
        ["policy", "check"],
    ],
    ids=" ".join,
)
def test_a_reader_who_reads_nothing_is_no_error(start: Start, words: list[str]) -> None:
    process = start(*words)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read().decode()
    assert (process.wait(PATIENCE), err) == (0, "")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_who_leaves_a_scan_is_no_error_and_nothing_is_called_clean(
    start_warm: Start, judged_by: Options, folder: Path, form: list[str]
) -> None:
    for number in range(400):
        (folder / f"{number}.jpg").write_bytes(picture(1))
    process = start_warm("scan", "pictures", *form, *judged_by(1.0))
    wait_for(process, b"pictures/")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read().decode()
    assert process.wait(PATIENCE) in {0, 141}  # 0 where all of it was printed before the reader left
    assert err == ""


def test_a_full_disk_is_one_line(start_warm: Start, judged_by: Options, folder: Path) -> None:
    del folder
    for words in (["config", "show"], ["scan", "pictures", *judged_by(0.0)]):
        process = start_warm(*words, stdout=Path("/dev/full"))
        err = process.communicate(timeout=PATIENCE)[1].decode()
        assert process.returncode not in {0, 70}
        assert err.count("\n") == 1
        assert "No space left" in err


class TestWithKafka:
    def test_tail_and_send_end_in_one_line(self, start: Start, folder: Path, kafka: KafkaBroker) -> None:
        topics = []
        for kind in ("images", "decisions", "dead-letters"):
            name = f"endings-{kind}-{time.monotonic_ns()}"
            kafka.create_topic(name, partitions=1)
            topics += [f"--{kind}-topic", name]
        where = ["--bootstrap-servers", kafka.bootstrap_servers, *topics]
        tail, send = start("tail", *where), start("send", "pictures", "--repeat", "1000000", *where)
        time.sleep(8)
        assert interrupted(tail)[::2] == (130, ["sluice: interrupted"])
        status, _, lines = interrupted(send)
        assert status == 130
        assert len(lines) == 1
        assert "images sent to endings-images" in lines[0]
