"""A server on loopback that sends whatever bytes a test wants, and knows which connection carried what."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

Answer = Callable[[str, int], bytes]
"""What to send for a path, given how many requests the connection has carried before."""


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def image_of(path: str) -> bytes:
    return f"the image at {path}".encode()


class RawServer:
    """Sends, for each request, whatever bytes it is told to; `connections` has the paths that each one carried."""

    def __init__(self, reply: Answer, greeting: bytes = b"") -> None:
        self._reply = reply
        self._greeting = greeting
        self.connections: list[list[str]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._threads: list[threading.Thread] = []
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        carried: list[str] = []
        self.connections.append(carried)
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            connection.sendall(self._greeting)
            while request := lines.readline():
                while lines.readline().strip():
                    pass
                path = request.split()[1].decode()
                carried.append(path)
                connection.sendall(self._reply(path, len(carried) - 1))

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
