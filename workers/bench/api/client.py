"""A client that costs little, in a process of its own: one thread, many connections, one image at a time on each.

Read from standard input, a line each: the port, the file of images, and orders. An order is JSON
``{"clients": N, "count": M}``; its answer, a line on standard output, has the seconds of each request, or a
``failure``.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from http import HTTPStatus
from itertools import cycle, islice
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

from workers.bench.api.askers import Asked

HEAD = "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
IDLE = 5.0
"""Seconds without use after which connections are dialled anew: sometime the server hangs up."""
SENT_AHEAD = 1 << 20
"""Bytes that the kernel may take of a request before the server reads them."""
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


class Connection:
    """A connection to the API, and how far its request and answer have come. It never blocks."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD)
        self.socket.setblocking(False)
        self.began = 0.0
        self._unsent = memoryview(b"")
        self._answer = b""

    def ask(self, request: bytes) -> int:
        """Begin a request; returns what to wait for, as `go_on` does."""
        self.began, self._unsent, self._answer = time.perf_counter(), memoryview(request), b""
        return self._send()

    def go_on(self) -> int:
        """Do what can be done; returns the events to wait for, 0 once the answer is there.

        Raises ``OSError`` for any answer but a decision.
        """
        if self._unsent:
            return self._send()
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server hung up")
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not ended or len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return EVENT_READ
        if (status := int(head.split()[1])) != HTTPStatus.OK:
            raise OSError(f"a request was answered with {status}")
        return 0

    def _send(self) -> int:
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return EVENT_WRITE
        return EVENT_WRITE if self._unsent else EVENT_READ


class Client:
    """Dials as many connections as are asked for, and keeps them for the next order."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = list[Connection]()
        self._used = 0.0

    def ask_all(self, clients: int, requests: Sequence[bytes]) -> Asked:
        """Have them answered on so many connections: whichever has its answer sends the next."""
        waiting, seconds, began = iter(requests), list[float](), time.perf_counter()
        with DefaultSelector() as selector:
            for connection, request in zip(self._connections(clients), islice(waiting, clients), strict=False):
                selector.register(connection.socket, connection.ask(request), connection)
            while selector.get_map():
                for key, _ in selector.select():
                    seconds += _gone_on(selector, key.data, waiting)
        self._used = time.monotonic()
        return Asked(seconds, time.perf_counter() - began)

    def _connections(self, count: int) -> Sequence[Connection]:
        if time.monotonic() - self._used > IDLE:
            for each in self._open:
                each.socket.close()
            self._open.clear()
        self._open += [Connection(self._port) for _ in range(count - len(self._open))]
        return self._open[:count]


def _gone_on(selector: DefaultSelector, connection: Connection, waiting: Iterator[bytes]) -> list[float]:
    """Have a connection go on, if need be with the next request; returns the seconds of the one that it finished."""
    if events := connection.go_on():
        selector.modify(connection.socket, events, connection)
        return []
    taken = time.perf_counter() - connection.began
    if (request := next(waiting, None)) is None:
        selector.unregister(connection.socket)
    else:
        selector.modify(connection.socket, connection.ask(request), connection)
    return [taken]


def main() -> None:
    """Do what standard input says until it ends."""
    port, file = int(sys.stdin.readline()), Path(sys.stdin.readline().rstrip("\n"))
    requests = cycle([HEAD.format(len(image)).encode() + image for image in _unframed(file.read_bytes())])
    client = Client(port)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = asdict(client.ask_all(order["clients"], [*islice(requests, order["count"])]))
        except OSError as error:
            answer = {"failure": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
