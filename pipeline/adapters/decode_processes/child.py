"""What a decode process does from its birth to its end: it takes one image after another."""

from __future__ import annotations

import os
import socket
from typing import NoReturn

from pipeline.adapters.decode_processes.limits import Limits, Memory, arm, confine
from pipeline.adapters.decode_processes.line import READY, EndedError, Line
from pipeline.adapters.decode_processes.messages import Answer, Broke, Refused, decode_call, encode, told
from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoder

ANY_SIZE = 1 << 40
"""How large an image may be is known in the worker, which is believed."""
LOOK = 32
"""Images between two looks at how large the process has become."""
SPARE = 4
"""A process leaves when it has grown, for good, by more than this part of the memory for one image."""


def serve(connection: socket.socket, decoder: Decoder, limits: Limits, parent: int) -> NoReturn:
    """Decode until the worker hangs up. It never returns: the stack below is that of the process that forked."""
    try:
        _be_silent()
        memory = Memory()
        full = memory() + limits.memory // SPARE
        confine(memory.and_more(limits.memory), parent)
        connection.sendall(READY)
        line, count, leaves = Line(connection), 0, False
        while not leaves:
            count += 1
            leaves = _serve_one(line, decoder, limits, leaves=count % LOOK == 0 and memory() > full)
    except (EndedError, OSError):
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a decoder may raise what ends a process
        os._exit(1)
    os._exit(0)


def _serve_one(line: Line, decoder: Decoder, limits: Limits, *, leaves: bool) -> bool:
    """Answer one call. Returns whether that was the last one, as also where memory has run out."""
    head, image = line.receive(ANY_SIZE)
    arm(limits.cpu)
    answer, body = _answer(decoder, head, image)
    arm(0)
    answer.leaves = answer.leaves or leaves
    line.send(encode(answer), body)
    return answer.leaves


def _answer(decoder: Decoder, head: memoryview, image: memoryview) -> tuple[Answer, bytes | memoryview]:
    """A process in which memory has run out leaves: some may be lost for good."""
    try:
        call = decode_call(head)
        return told(getattr(decoder, call.method)(bytes(image), *call.arguments))
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
