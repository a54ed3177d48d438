"""What a process says of itself over its Unix socket."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import cast

PATIENCE = 2.0
"""Seconds for a reply: less than half of what probes usually allow, and long for a process that lives."""
LONGEST = 16 * 1024 * 1024
"""Most bytes of a reply; a page of metrics has some hundred thousand."""

Reply = tuple[int, str] | None
"""A status and a text; None while nobody listens."""


def ask(path: Path, question: str) -> Reply:
    """Status and text of a GET, such as ``/healthz``; None while nobody listens, as when a process is being started.

    One that listens and has not answered in full within `PATIENCE` has the status 504, however it spends the time,
    and what is no HTTP has the status 502.
    """
    try:
        return _parsed(_exchange(path, question, time.monotonic() + PATIENCE))
    except TimeoutError:
        return HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {PATIENCE:g} s"
    except OSError:  # not there yet, or gone in the middle
        return None
    except (http.client.HTTPException, ValueError) as error:
        return HTTPStatus.BAD_GATEWAY, f"an answer that is none: {type(error).__name__}"


def ask_all(paths: Sequence[Path], question: str) -> list[Reply]:
    """The replies of all in their order, asked side by side: those that hang cost the time of one."""
    if not paths:
        return []
    with ThreadPoolExecutor(len(paths), thread_name_prefix="sluice-ask") as pool:
        return list(pool.map(lambda path: ask(path, question), paths))


def _exchange(path: Path, question: str, deadline: float) -> bytes:
    reply = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        _wait_until(connection, deadline)
        connection.connect(str(path))
        connection.sendall(f"GET {question} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        while True:
            _wait_until(connection, deadline)
            part = connection.recv(1 << 16)
            if not part:
                break
            reply += part
            if len(reply) > LONGEST:
                raise ValueError("it does not end")
    if not reply:
        raise ConnectionResetError("gone in the middle")
    return bytes(reply)


def _wait_until(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)


def _parsed(reply: bytes) -> tuple[int, str]:
    response = http.client.HTTPResponse(cast("socket.socket", _Tape(reply)))
    response.begin()
    return response.status, response.read().decode()


class _Tape:
    """What a socket has brought, as the library wants to read it."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._reply)
