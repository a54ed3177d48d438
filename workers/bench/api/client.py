"""A client that costs little, in a process of its own: sockets on threads, each posting one image after the other.

Read from standard input, a line each: the port, the file of images, and orders. An order is JSON
``{"clients": N, "count": M}``; its answer, a line on standard output, has the seconds of each request, or a
``failure``.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from itertools import cycle
from pathlib import Path

from workers.bench.api.askers import Ask, Asked, ask_all

HEAD = "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
IDLE = 5.0
"""Seconds without use after which a connection is dialled anew: sometime the server hangs up."""
_CHUNK = 1 << 16


def framed(images: Sequence[bytes]) -> bytes:
    """Images as the client reads them: before each, its length in four bytes."""
    return b"".join(len(image).to_bytes(4, "big") + image for image in images)


def _unframed(data: bytes) -> list[bytes]:
    images, at = list[bytes](), 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        images.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return images


class Connections:
    """Connections to the API, dialled as they are needed; those that were idle for long are dialled anew."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = list[socket.socket]()
        self._used = 0.0

    def askers(self, count: int) -> Sequence[Ask]:
        """One for each of so many connections."""
        if time.monotonic() - self._used > IDLE:
            self._close()
        while len(self._open) < count:
            self._open.append(socket.create_connection(("127.0.0.1", self._port)))
            self._open[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [partial(_post, each) for each in self._open[:count]]

    def ask_all(self, count: int, questions: Sequence[bytes]) -> Asked:
        """Have them asked by so many."""
        try:
            return ask_all(self.askers(count), questions)
        finally:
            self._used = time.monotonic()

    def _close(self) -> None:
        for each in self._open:
            each.close()
        self._open.clear()


def main() -> None:
    """Do what standard input says until it ends."""
    port, file = int(sys.stdin.readline()), Path(sys.stdin.readline().rstrip("\n"))
    images = cycle([HEAD.format(len(image)).encode() + image for image in _unframed(file.read_bytes())])
    connections = Connections(port)
    for line in sys.stdin:
        order = json.loads(line)
        questions = [next(images) for _ in range(order["count"])]
        try:
            answer = asdict(connections.ask_all(order["clients"], questions))
        except OSError as error:
            answer = {"failure": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _post(connection: socket.socket, request: bytes) -> None:
    """Raises ``OSError`` for any answer but a decision."""
    connection.sendall(request)
    if (status := _status(connection)) != HTTPStatus.OK:
        raise OSError(f"a request was answered with {status}")


def _status(connection: socket.socket) -> int:
    """Read one whole answer; returns its status."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _received(connection)
    head = data[:end].lower()
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    left = end + 4 + length - len(data)
    while left > 0:
        left -= len(_received(connection))
    return int(head.split()[1])


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(_CHUNK)
    if not data:
        raise ConnectionError("the server hung up")
    return data


if __name__ == "__main__":
    main()
