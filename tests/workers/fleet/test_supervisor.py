"""The supervisor with real processes that start in a moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD
from threading import Event

import pytest
from structlog.testing import capture_logs

from tests.services.deadline import until
from tests.services.processes import ROOT, ChildProcess, child_env, python
from tests.workers.fleet.stand_in import noted
from tests.workers.fleet.stand_ins import Told, roles
from workers.fleet import process, restarts, supervisor, watch
from workers.fleet.process import Process
from workers.fleet.supervisor import Supervisor
from workers.fleet.watch import Watch
from workers.process.signals import INTERRUPTED, OVERDUE

PATIENCE = 60.0
"""Seconds that a process may take to start where many share a core."""
PIPE_BYTES = 4096
"""The smallest pipe that Linux makes; the help of a worker is longer."""
ALL = ["encoder", "moderator-1", "moderator-2"]


class Supervised:
    """A supervisor on a thread, over stand-ins."""

    def __init__(self, folder: Path, behaviours: list[str], grace: float, *, ready: bool) -> None:
        self.folder = folder
        self.encoder, self.moderators = roles(folder, behaviours, grace)
        self.told = Told()
        self.hurry = Event()
        self.hangs: dict[str, str] = {}
        self.encoder_ready = Event()
        if ready:
            self.encoder_ready.set()
        self.stop = Event()
        self.logged: list[dict] = []
        self._threads = ThreadPoolExecutor(1)
        self.status: Future[int] = self._threads.submit(self._run)

    def _run(self) -> int:
        processes = [Process(each) for each in self.moderators]
        with capture_logs() as self.logged:
            supervising = Supervisor(
                Process(self.encoder),
                processes,
                self.encoder_ready.is_set,
                self.told,
                lambda process: self.hangs.get(process.role.name) if process.life == 1 else None,
            )
            self.supervisor = supervising
            return supervising.run(self.stop, self.hurry)

    def pid(self, name: str) -> int:
        return [line["pid"] for line in self.logged if line.get("started") == name][-1]

    def wait_for_start(self, *names: str) -> None:
        until(lambda: sorted(noted(self.folder, "started")) == sorted(names), PATIENCE, lambda: str(self.logged))

    def end(self) -> int:
        self.stop.set()
        return self.status.result(PATIENCE)


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    made: list[Supervised] = []

    def start(*behaviours: str, grace: float = 10.0, ready: bool = True) -> Supervised:
        made.append(Supervised(tmp_path, list(behaviours), grace, ready=ready))
        return made[-1]

    yield start
    for each in made:
        each.end()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def unread(pipe: int) -> int:
    """How many bytes wait in a pipe to be read."""
    return int.from_bytes(ioctl(pipe, FIONREAD, bytes(4)), sys.byteorder)


def asleep(pid: int) -> bool:
    """Whether the main thread of a process waits for something, as Linux tells."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def test_the_moderators_finish_first_and_then_the_encoder(supervise: Callable[..., Supervised]) -> None:
    it = supervise("serve", "serve", "serve")
    it.wait_for_start(*ALL)
    assert it.end() == 0
    finished = noted(it.folder, "finished")
    assert sorted(finished) == ALL
    assert finished[-1] == "encoder"
    assert not [line for line in it.logged if alive(line["pid"])]


def test_moderators_are_started_when_the_encoder_is_ready(supervise: Callable[..., Supervised]) -> None:
    it = supervise("serve", "serve", ready=False)
    it.wait_for_start("encoder")
    time.sleep(0.5)
    assert [line["started"] for line in it.logged] == ["encoder"]
    it.encoder_ready.set()
    it.wait_for_start("encoder", "moderator-1")


@pytest.mark.parametrize("name", ["encoder", "moderator-1"])
def test_a_process_that_is_killed_is_started_again_and_counted(
    supervise: Callable[..., Supervised], name: str
) -> None:
    it = supervise("serve", "serve")
    it.wait_for_start("encoder", "moderator-1")
    assert it.told.starts == []
    os.kill(it.pid(name), signal.SIGKILL)
    it.wait_for_start("encoder", "moderator-1", name)
    assert it.told.starts == [name.partition("-")[0]]
    assert it.end() == 0


def test_a_process_that_keeps_dying_is_started_again_for_ever_and_ends_nobody(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "PAUSES", (0.0, 0.05))
    it = supervise("serve", "serve", "7")
    until(lambda: noted(it.folder, "started").count("moderator-2") >= 8, PATIENCE, lambda: str(it.logged))
    assert noted(it.folder, "started").count("moderator-1") == noted(it.folder, "started").count("encoder") == 1
    assert it.told.trouble == {"moderator": 1}
    [notice] = it.supervisor.notices()
    assert notice.startswith("moderator-2: keeps dying, ")
    assert "process_keeps_dying" in {line["event"] for line in it.logged}
    assert it.end() in {0, 7}
    assert sorted(noted(it.folder, "finished")) == ["encoder", "moderator-1"]


@pytest.mark.parametrize("name", ["encoder", "moderator-2"])
def test_the_last_of_a_kind_is_started_again_soon_however_often_it_has_died(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever has a neighbour that works waits for its pause: here without an end."""
    monkeypatch.setattr(restarts, "PAUSES", (3600.0,))
    monkeypatch.setattr(supervisor, "SOON", 0.2)
    it = supervise("serve", "serve", "serve")
    it.wait_for_start(*ALL)
    os.kill(it.pid("moderator-1"), signal.SIGKILL)
    until(lambda: [line for line in it.logged if line.get("died") == "moderator-1"], PATIENCE, "it is noticed")
    os.kill(it.pid(name), signal.SIGKILL)
    it.wait_for_start(*ALL, name)
    time.sleep(0.5)
    assert noted(it.folder, "started").count("moderator-1") == 1
    assert it.end() in {0, 128 + signal.SIGKILL}


def test_a_mistake_of_one_ends_nobody_who_works(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "PAUSES", (0.0, 0.05))
    it = supervise("serve", "2", "serve")
    until(lambda: noted(it.folder, "started").count("moderator-1") >= 3, PATIENCE, lambda: str(it.logged))
    assert it.end() in {0, 2}


def test_one_that_the_system_has_no_room_for_is_tried_again(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    start = Process.start

    def starve(process: Process) -> None:
        if process.role.name == "moderator-2" and len(refused) < 3:
            refused.append(process.role.name)
            raise BlockingIOError(11, "Resource temporarily unavailable")
        start(process)

    monkeypatch.setattr(Process, "start", starve)
    monkeypatch.setattr(restarts, "PAUSES", (0.0, 0.05))
    it = supervise("serve", "serve", "serve")
    it.wait_for_start(*ALL)
    assert len(refused) == 3
    assert it.end() == 0


def test_the_encoders_mistake_at_the_first_start_ends_all_at_once(supervise: Callable[..., Supervised]) -> None:
    it = supervise("2", "serve", ready=False)
    assert it.status.result(PATIENCE) == 2
    assert [line["event"] for line in it.logged] == ["process_started", "process_died", "nothing_can_work"]


def test_a_mistake_of_all_moderators_ends_all(supervise: Callable[..., Supervised]) -> None:
    it = supervise("serve", "2", "2", ready=False)
    it.wait_for_start("encoder")  # one that is told to end before it listens has nothing to finish
    it.encoder_ready.set()
    assert it.status.result(PATIENCE) == 2
    assert noted(it.folder, "finished") == ["encoder"]


def test_a_mistake_of_an_encoder_that_was_ready_once_is_waited_out(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "PAUSES", (0.0, 0.05))
    it = supervise("2", "serve", ready=True)
    until(lambda: noted(it.folder, "started").count("encoder") >= 3, PATIENCE, lambda: str(it.logged))
    assert it.end() == 0


def test_one_that_hangs_says_where_is_killed_and_started_anew(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGABRT first: it may still write down what its threads are in. SIGKILL for one that is frozen."""
    monkeypatch.setattr(process, "LAST_WORDS", 0.5)
    it = supervise("serve", "serve", "serve")
    it.wait_for_start(*ALL)
    frozen = it.pid("moderator-2")
    os.kill(frozen, signal.SIGSTOP)
    it.hangs = {"moderator-1": "nothing has moved for 130 s", "moderator-2": "no answer within 2 s"}
    until(lambda: len(it.told.killed) == 2, PATIENCE, lambda: str(it.logged))
    until(lambda: len([1 for line in it.logged if line["event"] == "process_died"]) == 2, PATIENCE, "two deaths")
    statuses = {line["died"]: line["status"] for line in it.logged if line["event"] == "process_died"}
    assert statuses == {"moderator-1": -signal.SIGABRT, "moderator-2": -signal.SIGKILL}
    it.wait_for_start(*ALL, "moderator-1", "moderator-2")
    assert it.end() == 0


def test_who_is_in_a_hurry_waits_for_nobody(supervise: Callable[..., Supervised]) -> None:
    it = supervise("serve", "deaf", "deaf", grace=60.0)
    it.wait_for_start(*ALL)
    it.stop.set()
    time.sleep(0.5)
    assert not it.status.done()
    it.hurry.set()
    assert it.status.result(10) == 128 + signal.SIGKILL
    assert not [line for line in it.logged if "pid" in line and alive(line["pid"])]


def test_one_that_does_not_finish_in_time_ends_itself_and_the_status_says_so(
    supervise: Callable[..., Supervised],
) -> None:
    it = supervise("serve", "deaf", "serve", grace=1.0)
    it.wait_for_start(*ALL)
    assert it.end() == OVERDUE
    assert sorted(noted(it.folder, "finished")) == ["encoder", "moderator-2"]


def test_one_that_is_frozen_is_killed(supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LAST_WORDS", 0.1)
    it = supervise("serve", "serve", grace=0.5)
    it.wait_for_start("encoder", "moderator-1")
    os.kill(it.pid("moderator-1"), signal.SIGSTOP)
    assert it.end() == 128 + signal.SIGKILL
    assert not alive(it.pid("moderator-1"))


def test_one_that_says_that_it_is_stuck_is_found_by_the_watch_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others do not listen at all, as processes that have just been started, and are left alone."""
    monkeypatch.setattr(watch, "LOOK", 0.05)
    monkeypatch.setattr(watch, "FAILING", 0.3)
    encoder, moderators = roles(tmp_path, ["serve", "stuck", "serve"])
    processes = [Process(each) for each in (encoder, *moderators)]
    looking, told, stop = Watch(processes), Told(), Event()
    looking.start()
    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(Supervisor(processes[0], processes[1:], lambda: True, told, looking.hung).run, stop)
        until(lambda: noted(tmp_path, "started").count("moderator-1") >= 3, PATIENCE, lambda: str(told.killed))
        stop.set()
        status.result(PATIENCE)
    looking.close()
    assert set(told.killed) == {"moderator"}
    assert noted(tmp_path, "started").count("moderator-2") == noted(tmp_path, "started").count("encoder") == 1


def test_a_child_that_is_to_be_killed_writes_down_what_its_threads_are_in() -> None:
    """The child hangs for certain: it prints more than fits into a pipe that nobody reads."""
    argv = python("-m", "workers.fleet.child", "encoder", "5", "worker", "--help")
    with subprocess.Popen(
        argv, stdin=-1, stdout=-1, stderr=-1, pipesize=PIPE_BYTES, text=True, env=child_env(), cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        printed = child.stdout.fileno()
        until(lambda: unread(printed) and asleep(child.pid), PATIENCE, "a child that cannot print any more")
        child.send_signal(signal.SIGABRT)
        said = child.stderr.read()
        assert child.wait(PATIENCE) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in said
    assert "most recent call first" in said


def test_a_brake_is_released_at_all_moderators_through_their_supervisor(supervise: Callable[..., Supervised]) -> None:
    """The stand-ins know nothing of brakes, and end by the signal."""
    it = supervise("serve", "serve", "serve")
    it.wait_for_start(*ALL)
    it.supervisor.tell_moderators(signal.SIGUSR1)
    it.wait_for_start(*ALL, "moderator-1", "moderator-2")
    assert {line["status"] for line in it.logged if line["event"] == "process_died"} == {-signal.SIGUSR1}


def test_ctrl_c_drains_and_a_second_one_waits_for_nobody(
    start_process: Callable[..., ChildProcess], tmp_path: Path
) -> None:
    """To the whole group, as a terminal sends it."""
    supervising = start_process(
        python("-m", "tests.workers.fleet.stand_ins", str(tmp_path), "serve", "serve", "deaf")
    )
    until(lambda: sorted(noted(tmp_path, "started")) == ALL, PATIENCE, lambda: str(supervising))
    os.killpg(supervising.pid, signal.SIGINT)
    until(lambda: noted(tmp_path, "finished") == ["moderator-1"], PATIENCE, lambda: str(supervising))
    time.sleep(0.5)
    assert supervising.running
    os.killpg(supervising.pid, signal.SIGINT)
    assert supervising.wait(PATIENCE) == INTERRUPTED
    assert noted(tmp_path, "finished") == ["moderator-1"]
    with pytest.raises(ProcessLookupError):
        os.killpg(supervising.pid, 0)


def test_nothing_outlives_a_supervisor_that_is_killed(
    start_process: Callable[..., ChildProcess], tmp_path: Path
) -> None:
    """And the order holds: its moderators hold the encoder's lifeline."""
    supervising = start_process(python("-m", "tests.workers.fleet.stand_ins", str(tmp_path)))
    until(lambda: sorted(noted(tmp_path, "started")) == ALL, PATIENCE, lambda: str(supervising))
    supervising.kill()
    until(lambda: len(noted(tmp_path, "finished")) == 3, PATIENCE, lambda: str(noted(tmp_path, "finished")))
    assert noted(tmp_path, "finished")[-1] == "encoder"


def test_signals_to_the_whole_group_are_left_to_the_supervisor(tmp_path: Path) -> None:
    argv = python("-m", "tests.workers.fleet.stand_in", "encoder", "10", str(tmp_path), "serve")
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        until(lambda: noted(tmp_path, "started"), PATIENCE, "its start")
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(PATIENCE) == 0
    assert noted(tmp_path, "finished") == ["encoder"]
