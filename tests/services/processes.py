"""Child processes that never outlive their test, and the ports they listen on."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from tests.services.deadline import until
from tests.services.warm import Streams, WarmProcess

T = TypeVar("T")

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]

# Below the range from which the kernel takes ports for outgoing connections. A client that keeps reconnecting
# to a stopped server on a port inside that range is, sooner or later, given that very port as its own,
# connects to itself, and the server can never come back.
_PORTS = range(20_000, 30_000)
_given: set[int] = set()


def free_port() -> int:
    """A loopback TCP port that nothing listens on, never given twice by this process."""
    while True:
        port = random.choice(_PORTS)
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            _given.add(port)
            return port


def _stands_still(pid: int) -> bool:
    """Whether none of its threads runs, or it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(stat.rpartition(")")[2].split()[0] in "TtZX" for stat in stats)
    return True


def accepts(port: int) -> bool:
    """Whether something accepts connections on this loopback port now."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def http_get(url: str, timeout: float = 5.0) -> tuple[int, str] | None:
    """Status and body of a GET, whatever the status is; None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode(errors="replace")
    except OSError:
        return None


def child_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without the project's settings: a developer's must not leak into a test."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    return env | {"PYTHONUNBUFFERED": "1"} | dict(extra or {})


def python(*args: str) -> list[str]:
    """The command line of this very interpreter: `python("-m", "workers", "check")`."""
    return [sys.executable, *args]


class ChildProcess:
    """One process with its output in files, ended when the `with` block ends.

    It leads a process group of its own: Ctrl-C reaches the test run alone, which then ends its children in
    order, and whatever the child itself started goes with it in `close`. A command of Sluice is a `WarmProcess`.
    """

    def __init__(
        self,
        argv: Sequence[str],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        name: str = "child",
        warm: bool = True,
    ) -> None:
        """Start `argv` at once; its output goes to `folder/name.out` and `folder/name.err` (appended).

        Not `warm`, a command of Sluice starts in a fresh interpreter as well.
        """
        self.argv = list(argv)
        self.stdout_path = folder / f"{name}.out"
        self.stderr_path = folder / f"{name}.err"
        self._popen = self._started(child_env(env), cwd, warm=warm)

    def _started(self, env: Mapping[str, str], cwd: Path, *, warm: bool) -> subprocess.Popen[bytes] | WarmProcess:
        if warm and self.argv[:3] == python("-m", "workers"):
            streams = Streams(Path(os.devnull), self.stdout_path, self.stderr_path)
            return WarmProcess(self.argv[3:], streams, env, cwd)
        with self.stdout_path.open("ab") as out, self.stderr_path.open("ab") as err:
            return subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, valid after the end too."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet (a paused process runs)."""
        return self.returncode is None

    def stdout(self) -> str:
        """All it has written to standard output so far."""
        return self.stdout_path.read_text(errors="replace")

    def stderr(self) -> str:
        """All it has written to standard error so far."""
        return self.stderr_path.read_text(errors="replace")

    def wait_for_line(self, pattern: str, within: float = 30.0) -> re.Match[str]:
        """Wait until a line of either output matches the regular expression, and return the first match."""
        find = re.compile(pattern, re.MULTILINE)

        def probe() -> re.Match[str] | None:
            return find.search(self.stdout()) or find.search(self.stderr())

        return self._until(probe, within, repr(pattern))

    def wait_for_port(self, port: int, within: float = 30.0) -> None:
        """Wait until the loopback port accepts connections."""
        self._until(lambda: accepts(port), within, f"port {port}")

    def wait_for_http(self, url: str, status: int = 200, within: float = 30.0) -> str:
        """Wait until a GET is answered with this status, and return the body."""

        def body() -> tuple[str] | None:
            answer = http_get(url)
            return (answer[1],) if answer is not None and answer[0] == status else None

        return self._until(body, within, f"{status} from {url}")[0]

    def wait(self, within: float = 30.0) -> int:
        """Wait for it to end by itself, and return its exit status."""
        try:
            return self._popen.wait(within)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still running after {within:g} s: {self}") from None

    def terminate(self, within: float = 30.0) -> int:
        """Ask it to end (SIGTERM) and return its exit status; TimeoutError if it does not obey."""
        self._popen.terminate()
        return self.wait(within)

    def kill(self) -> int:
        """End it with SIGKILL, as a crash would: its own children live on until `close`."""
        self._popen.kill()
        return self._popen.wait()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open and nobody answers them, from when this returns.

        On a busy machine the thread that takes the signal may wait long for a core, while the others go on.
        """
        self._popen.send_signal(signal.SIGSTOP)
        until(lambda: _stands_still(self.pid), 30, f"{self.pid} to stand still")

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._popen.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and all it has started, at once; no harm in doing it twice."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()

    def _until(self, probe: Callable[[], T | None], within: float, what: str) -> T:
        def probe_the_living() -> T | None:
            # Looked at first, asked second: what a child says with its last breath still counts.
            ended = not self.running
            answer = probe()
            if ended and not answer:
                raise ChildProcessError(f"ended before {what}: {self}")
            return answer

        return until(probe_the_living, within, lambda: f"{what} of {self}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        state = "running" if self.running else f"ended with {self.returncode}"
        tail = "\n".join((self.stdout() + self.stderr()).splitlines()[-30:])
        return f"{' '.join(self.argv)[:200]}: {state}; it said last:\n{tail}"
