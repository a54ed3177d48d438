"""Commands as real processes, on a model that loads in a moment and policies that flag nothing or everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.pictures import picture
from tests.e2e.policies_under_test import DEFAULTS, FILES, policy
from tests.e2e.tiny_model import make_tiny_model
from tests.services.processes import ROOT, child_env
from tests.services.warm import Streams, WarmProcess

PATIENCE = 300.0
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What it printed; it must be UTF-8."""
        return self.stdout.decode().splitlines()

    @property
    def objects(self) -> list[dict[str, object]]:
        """What it printed with ``--json``, which must be strict JSON, a line each."""
        found = [json.loads(line) for line in self.lines]
        assert all(json.dumps(each, ensure_ascii=False).encode() for each in found), "half a surrogate pair"
        return found


Sluice = Callable[..., Ended]


@pytest.fixture
def sluice(tmp_path: Path) -> Sluice:
    """Run a command to its end: `sluice("scan", "a.jpg")`, in the test's own folder."""

    def run(*words: str | bytes, env: dict[str, str] | None = None, stdin: bytes = b"") -> Ended:
        with TemporaryDirectory() as aside:
            streams = Streams(*(Path(aside, name) for name in ("in", "out", "err")))
            streams.stdin.write_bytes(stdin)
            given = child_env({"PYTHONPATH": str(ROOT), **ONE_THREAD, **(env or {})})
            process = WarmProcess(words, streams, given, tmp_path)
            try:
                status = process.wait(PATIENCE)
            finally:
                process.kill()
            out, err = streams.stdout.read_bytes(), streams.stderr.read_bytes()
        assert b"Traceback" not in err, err.decode()
        assert b"Exception ignored" not in err, err.decode()
        return Ended(status, out, err.decode())

    return run


class Piped:
    """A warm command whose output is read as it comes; what tests use of ``subprocess.Popen`` has the same names."""

    def __init__(self, words: Sequence[str], folder: Path, aside: Path, stdout: Path | None) -> None:
        """Start it; its output goes to that file, or else to `stdout`."""
        out, err = stdout or aside / "out", aside / "err"
        for path in {out, err} - {stdout}:
            os.mkfifo(path)
        streams = Streams(Path(os.devnull), out, err)
        self._process = WarmProcess(words, streams, child_env(ONE_THREAD), folder)
        self.pid, self.poll, self.wait = self._process.pid, self._process.poll, self._process.wait
        self.stdout = None if stdout else out.open("rb", buffering=0)
        self.stderr = err.open("rb", buffering=0)

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def communicate(self, timeout: float) -> tuple[bytes, bytes]:
        """Read all that it says, and wait for its end."""
        with ThreadPoolExecutor(1) as pool:
            said = pool.submit(self.stdout.read) if self.stdout is not None else None
            err = self.stderr.read()
            out = said.result() if said else b""
        self.wait(timeout)
        return out, err

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        for stream in filter(None, (self.stdout, self.stderr)):
            stream.close()


@pytest.fixture
def start_warm(tmp_path: Path) -> Iterator[Callable[..., Piped]]:
    """Start a command as `start` does, where nothing is wanted to know of its imports."""
    with ExitStack() as ending:

        def piped(*words: str, stdout: Path | None = None) -> Piped:
            aside = Path(ending.enter_context(TemporaryDirectory()))
            return ending.enter_context(closing(Piped(words, tmp_path, aside, stdout)))

        yield piped


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a command in a process group of its own, ended with the test."""
    with ExitStack() as ending:

        def popen(*words: str, **how: object) -> subprocess.Popen[bytes]:
            given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", *words],
                cwd=tmp_path,
                env=child_env({"PYTHONPATH": str(ROOT), **ONE_THREAD}),
                start_new_session=True,
                **given,
            )
            ending.enter_context(process)
            ending.callback(_end, process)
            return process

        yield popen


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, 9)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``--model`` takes for the tiny model."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def judged_by(tmp_path_factory: pytest.TempPathFactory, tiny: str) -> Callable[[float], list[str]]:
    """Options of a command: the tiny model, and one policy that flags from that score on (0: all, 1: nothing)."""

    def options(least: float) -> list[str]:
        folder = tmp_path_factory.mktemp("policies")
        (folder / "_defaults.yaml").write_text(DEFAULTS)
        (folder / "_background.txt").write_text(FILES["_background.txt"])
        (folder / "anything.yaml").write_text(policy("Anything", ["a knife", "a gun"], {"review": least}))
        return ["--model", tiny, "--device", "cpu", "--dtype", "float32", "--policies", str(folder)]

    return options


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one clean picture in it, called ``one.jpg``."""
    made = tmp_path / "pictures"
    made.mkdir()
    (made / "one.jpg").write_bytes(picture(1))
    return made
