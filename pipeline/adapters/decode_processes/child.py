"""What a decode process does from its birth to its end: it takes one image after another."""

from __future__ import annotations

import os
import socket
from typing import Any, NoReturn

from pipeline.adapters.decode_processes.limits import Limits, Memory, arm, confine
from pipeline.adapters.decode_processes.messages import (
    READY,
    Broke,
    Call,
    EndedError,
    Refused,
    receive,
    send,
    shown,
)
from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoder

ANY_SIZE = 1 << 40
"""How large an image may be is known in the worker, which is believed."""
SPARE = 4
"""A process leaves after an image by which it grew, for good, to more than this part of the memory for one."""


def serve(connection: socket.socket, decoder: Decoder, limits: Limits, parent: int) -> NoReturn:
    """Decode until the worker hangs up. It never returns: the stack below is that of the process that forked."""
    try:
        _be_silent()
        memory = Memory()
        full = memory() + limits.memory // SPARE
        confine(memory.and_more(limits.memory), parent)
        connection.sendall(READY)
        while _serve_one(connection, decoder, limits, memory, full):
            pass
    except (EndedError, OSError):
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a decoder may raise what ends a process
        os._exit(1)
    os._exit(0)


def _serve_one(connection: socket.socket, decoder: Decoder, limits: Limits, memory: Memory, full: int) -> bool:
    """Answer one call. Returns False where that was the last one."""
    call, image = receive(connection, ANY_SIZE)
    if not isinstance(call, Call):
        return False
    arm(limits.cpu)
    head, body = _answer(decoder, call, bytes(image))
    arm(0)
    head.leaves = head.leaves or memory() > full + image.nbytes + len(body)
    send(connection, head, body)
    return not head.leaves


def _answer(decoder: Decoder, call: Call, image: bytes) -> tuple[Any, Any]:
    """The head and the body to answer with. A process in which memory ran out leaves: some may be lost for good."""
    try:
        return shown(getattr(decoder, call.method)(image, *call.arguments))
    except ItemError as error:
        return Refused(error.reason, str(error), isinstance(error.__cause__, MemoryError)), b""
    except MemoryError:
        return Refused(Reason.TOO_MUCH_WORK, "more memory than one image may take", leaves=True), b""
    except Exception as error:  # noqa: BLE001 - whatever it is, the worker is told
        return Broke(f"{type(error).__name__}: {error}"), b""


def _be_silent() -> None:
    """Write nothing from now on: a library's last words are no line of the worker's log, which tells of a death."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
