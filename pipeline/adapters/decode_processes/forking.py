"""The program of the nursery: the process that forks decode processes, and has imported a decoder and nothing else.

It has one thread and no torch, so what it forks is small, sound and there in milliseconds. It ends when its worker
has gone, and takes along whatever it forked.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import struct
from contextlib import suppress
from typing import Any

from pipeline.adapters.decode_processes.child import serve
from pipeline.adapters.decode_processes.limits import Limits, ignore_signals
from pipeline.ports import Decoder

ORDER = struct.Struct("<ci")
"""`FORK` with a descriptor for the new process beside it, or `END` with the pid of one."""
DONE = struct.Struct("<ii")
"""A pid and 0, or 0 and the errno of a fork that failed; of an end, the pid and the status as `os.waitpid` has it."""
SIZE = struct.Struct("<Q")
"""Bytes of what follows: a pickle from the worker, or the name of the decoder in answer."""
FORK, END = b"f", b"e"


def main(fd: int) -> None:
    """Serve the worker at the other end of the socket `fd`.

    The worker says in two pickles how a decoder is made: it knows of what kind one is before it knows the model.
    """
    ignore_signals()
    with socket.socket(fileno=fd) as control, suppress(EOFError, OSError):
        make, limits = _unpickled(control)
        decoder: Decoder = make(*_unpickled(control))
        name = decoder.name.encode()
        control.sendall(SIZE.pack(len(name)) + name)
        gc.collect()
        gc.freeze()  # or the first collection in each process would copy all pages that they share
        while True:
            _obey(control, decoder, limits)


def _obey(control: socket.socket, decoder: Decoder, limits: Limits) -> None:
    order, fds, _, _ = socket.recv_fds(control, ORDER.size, 1)
    if not order:
        raise EOFError
    what, pid = ORDER.unpack(order)
    if what == END:
        control.sendall(DONE.pack(*_end(pid)))
        return
    try:
        control.sendall(DONE.pack(_fork(control, fds[0], decoder, limits), 0))
    except OSError as error:
        control.sendall(DONE.pack(0, error.errno or 0))
    finally:
        for each in fds:
            os.close(each)


def _end(pid: int) -> tuple[int, int]:
    """The pid and how it ended. It stays our child, and its pid nobody else's, until it is waited for.

    One that has died already is not hurt, and keeps its status.
    """
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)


def _fork(control: socket.socket, fd: int, decoder: Decoder, limits: Limits) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        serve(socket.socket(fileno=fd), decoder, limits, parent)
    return pid


def _unpickled(control: socket.socket) -> Any:
    """What our own worker has sent."""
    (size,) = SIZE.unpack(_exactly(control, SIZE.size))
    return pickle.loads(_exactly(control, size))  # noqa: S301


def _exactly(control: socket.socket, size: int) -> bytes:
    data = control.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise EOFError
    return data
