"""The worker's side of the nursery: it starts the process that forks decode processes, and tells it what to do."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any
from weakref import finalize

from pipeline.adapters.decode_processes.forking import DONE, END, FORK, ORDER, SIZE
from pipeline.adapters.decode_processes.limits import Limits
from pipeline.errors import StopError
from pipeline.ports import Decoder

READY = 120.0
"""Seconds to import a decoder and make it: a third of one, but on a machine that is busy with a model's start."""
ANSWER = 30.0
"""Seconds to fork a process or to bury one: milliseconds, but where memory is short."""
_PROGRAM = """\
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {{signal.SIGINT}})
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
sys.path[:] = {path!r}
from pipeline.adapters.decode_processes.forking import main
main({fd})
"""


class NoProcessError(StopError):
    """No decode process can be started. It is tried again for a while before a worker stops."""


class Nursery:
    """One life of the nursery. It ends with `close`, with the worker, or when nobody refers to it any more."""

    def __init__(self, make: Callable[..., Decoder], limits: Limits) -> None:
        """Start it; it imports what `make` needs while the caller goes on. Raises `NoProcessError`.

        `make` goes there as a pickle, so it is a class or function of a module, or a `functools.partial` of one.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with _no_interrupt():
                    popen = subprocess.Popen(  # noqa: S603 - ourselves
                        [sys.executable, "-P", "-c", _PROGRAM.format(path=sys.path, fd=theirs.fileno())],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        pass_fds=[theirs.fileno()],
                    )
            except OSError as error:
                ours.close()
                raise NoProcessError(f"no process to fork decode processes from: {error.strerror}") from error
        self.pid = popen.pid
        """Of the process that forks."""
        self._control = ours
        self._turn = Lock()
        self.close = finalize(self, _close, popen, ours)
        """End it, and every process that it forked. Idempotent."""
        self._tell((make, limits))

    def ready(self, arguments: tuple[object, ...]) -> str:
        """Have it make the decoder with these arguments, and return the decoder's name. Raises `NoProcessError`."""
        self._control.settimeout(READY)
        self._tell(arguments)
        (size,) = SIZE.unpack(self._answer(SIZE.size))
        name = self._answer(size).decode()
        self._control.settimeout(ANSWER)
        return name

    def fork(self) -> tuple[int, socket.socket]:
        """A new decode process: its pid, and the socket to it. Raises `NoProcessError`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                return self._forked(theirs), ours
        except BaseException:
            ours.close()
            raise

    def _forked(self, theirs: socket.socket) -> int:
        with self._turn:
            self._send(lambda: socket.send_fds(self._control, [ORDER.pack(FORK, 0)], [theirs.fileno()]))
            pid, errno = DONE.unpack(self._answer(DONE.size))
        if not pid:
            raise NoProcessError(f"no decode process can be forked: {os.strerror(errno)}")
        return int(pid)

    def end(self, pid: int) -> int | None:
        """End that process, if it has not ended, and return its status; None when the nursery has gone itself."""
        try:
            with self._turn:
                self._send(lambda: self._control.sendall(ORDER.pack(END, pid)))
                status: int = DONE.unpack(self._answer(DONE.size))[1]
        except NoProcessError:
            return None
        return status

    def _tell(self, what: object) -> None:
        pickled = pickle.dumps(what)
        self._send(lambda: self._control.sendall(SIZE.pack(len(pickled)) + pickled))

    def _send(self, send: Callable[[], Any]) -> None:
        try:
            send()
        except OSError as error:
            raise self._gone(error) from error

    def _answer(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            try:
                part = self._control.recv(size - len(got))
            except OSError as error:
                raise self._gone(error) from error
            if not part:
                raise self._gone("it has ended")
            got += part
        return got

    def _gone(self, why: object) -> NoProcessError:
        self.close()
        return NoProcessError(f"the process that forks decode processes does not answer: {why}")


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Within, Ctrl-C waits for this thread and for what it starts: a new interpreter cannot ignore it at once."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close(popen: subprocess.Popen[bytes], control: socket.socket) -> None:
    with suppress(OSError):
        control.close()
    with suppress(subprocess.TimeoutExpired):
        popen.wait(1.0)
    popen.kill()
    popen.wait()
