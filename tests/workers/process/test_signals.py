"""How processes end that are told to: at once while they start, within a bound later, whatever they are in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.processes import ROOT, child_env
from workers.process.signals import INTERRUPTED, OVERDUE
from workers.process.startup import python

PATIENCE = 60.0

STARTING = """
import ctypes
from workers.process.signals import end_at_once
end_at_once()
print("there", flush=True)
ctypes.PyDLL(None).sleep(60)  # a library that holds Python's lock, as one that reads a model may
"""
RUNNING = """
import sys, time
from workers.process.streams import stand_on_firm_ground
stand_on_firm_ground()
from workers.process.logs import configure_logging
configure_logging("info", "json")
from workers.process.ending import leave
from workers.process.signals import stop_on_signals
stop = stop_on_signals(float(sys.argv[1]))
print("there", flush=True)
stop.wait()
print("told", flush=True)
time.sleep(float(sys.argv[2]))
leave(5)
"""
ABANDONED = """
import ctypes, sys, threading
from workers.process.ending import leave
threading.Thread(target=lambda: ctypes.CDLL(None).sleep(60), name="sluice-decode", daemon=True).start()
print("there")
leave(5)
"""
LEAVING = """
import atexit, sys
from workers.process.ending import leave
from workers.process.signals import stop_on_signals
class Model:
    def __del__(self): print("taken apart", flush=True)
model = Model()
atexit.register(lambda: sys.stdout.write("put away"))
if sys.argv[1] == "service":
    stop_on_signals(30)
leave(5)
"""
PROCESS_ONE = """
import os, signal, sys
from workers.process import signals
signals.os.getpid = lambda: 1
signals.end_at_once()
print("there", flush=True)
signal.pause()
"""


@pytest.fixture
def run() -> Iterator[Callable[..., subprocess.Popen]]:
    made: list[subprocess.Popen] = []

    def start(code: str, *words: object) -> subprocess.Popen:
        argv = python("-c", code, *map(str, words))
        env = child_env({"PYTHONPATH": str(ROOT)})
        made.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env))
        assert made[-1].stdout.readline() == "there\n"  # type: ignore[union-attr]
        return made[-1]

    yield start
    for each in made:
        each.kill()
        each.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_starts_ends_at_once_even_inside_a_library_that_holds_pythons_lock(
    run: Callable[..., subprocess.Popen], number: signal.Signals
) -> None:
    process = run(STARTING)
    process.send_signal(number)
    assert process.wait(20) == -number


def test_one_that_starts_as_process_one_of_a_container_ends_too(run: Callable[..., subprocess.Popen]) -> None:
    """The kernel spares it the signals that it has no handler for."""
    process = run(PROCESS_ONE)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_runs_stops_in_its_own_time(run: Callable[..., subprocess.Popen], number: signal.Signals) -> None:
    process = run(RUNNING, 60, 0.5)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 5


def test_one_that_does_not_finish_in_time_is_ended(run: Callable[..., subprocess.Popen]) -> None:
    process = run(RUNNING, 0.5, 300)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == OVERDUE
    assert "not_finished_in_time" in process.stderr.read()  # type: ignore[union-attr]


def test_a_second_ctrl_c_ends_it_and_a_second_sigterm_does_not(run: Callable[..., subprocess.Popen]) -> None:
    for first in (signal.SIGTERM, signal.SIGINT):
        process = run(RUNNING, 300, 300)
        process.send_signal(first)
        assert process.stdout.readline() == "told\n"  # type: ignore[union-attr]
        process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == INTERRUPTED


def test_a_thread_inside_a_library_does_not_change_the_end(run: Callable[..., subprocess.Popen]) -> None:
    process = run(ABANDONED)
    assert process.wait(20) == 5
    assert process.stderr.read() == ""  # type: ignore[union-attr]


HOSTILE = ["workers/__init__.py", "torch.py", "logging.py", "random.py", "structlog.py", "pipeline/__init__.py"]
SPAWNING = """
import multiprocessing, workers.cli
if __name__ == "__main__":
    try:
        workers.cli.main()
    except SystemExit:
        pass
    child = multiprocessing.get_context("spawn").Process(target=print, args=("spawned",))
    child.start()
    child.join()
"""


def test_no_process_of_ours_runs_what_lies_in_the_current_directory(tmp_path: Path) -> None:
    """A child of a fleet, the bench's measured start, and what a data loader spawns."""
    for name in HOSTILE:
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})\n")
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)

    def run_there(argv: list[str]) -> int:
        env = child_env({"PYTHONPATH": str(ROOT)})
        with subprocess.Popen(argv, cwd=tmp_path / "here", env=env, stdin=-1, stdout=-3, stderr=-3) as process:
            return process.wait(PATIENCE)

    for argv in (
        python("-m", "workers.fleet.child", "moderator-1", "1", "--version"),
        python("-m", "workers", "--version"),
        python("-c", "import workers.cli, torch"),
        python(str(script), "--version"),
    ):
        assert run_there(argv) == 0
        assert not (tmp_path / "executed").exists(), (argv, (tmp_path / "executed").read_text())
    run_there([sys.executable, "-m", "workers.fleet.child", "moderator-1", "1", "--version"])
    assert (tmp_path / "executed").exists(), "without -P it would be: or this test has tested nothing"


@pytest.mark.parametrize(("what", "said"), [("service", "put away"), ("command", "put awaytaken apart\n")])
def test_a_service_that_leaves_puts_away_what_others_ask_for_and_takes_nothing_apart(what: str, said: str) -> None:
    """A model takes over a second of CPU to take apart: on a busy machine an encoder was killed for it."""
    command = [*python("-c", LEAVING), what]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=child_env(), cwd=ROOT, timeout=PATIENCE
    )
    assert done.returncode == 5, done.stderr
    assert done.stdout == said
