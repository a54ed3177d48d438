"""An HTTP server on threads that strangers cannot fill: how many connect, for how long, and what they may say.

The library's own bounds would not hold: its time limit begins anew with each byte, and whoever connects has a thread.
Nor do those of servers beside it: waitress and uvicorn turn newcomers away where there are too many, a probe as well.
"""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, LineTooLong
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock
from time import monotonic, sleep
from typing import Any, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

REQUEST_TIMEOUT = 10.0
"""Seconds that a connection may last, however its client spends them: none holds a thread for ever."""
CONNECTIONS = 64
"""Most connections at a time, each on a thread of its own.

One more ends the oldest of those that have not asked anything yet, or else the oldest of all. Neither is a probe:
that asks at once, and is answered long before.
"""
HEAD = 16 * 1024
"""Most bytes of a request's line and headers together; a scraper's have some hundred."""


class Server(ThreadingMixIn, WSGIServer):
    """Serves IPv4."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_port = False  # or a second worker would share the port in silence

    def __init__(self, address: tuple[str, int]) -> None:
        self._open: dict[socket.socket, _Visit] = {}
        """Every connection, oldest first."""
        self._lock = Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve the request on a thread of its own, after ending another one where there are too many."""
        with self._lock:
            if len(self._open) >= CONNECTIONS:
                silent = (each for each, visit in self._open.items() if not visit.has_asked)
                self._cut(next(silent, None) or next(iter(self._open)))
            self._open[request] = _Visit(monotonic())
        super().process_request(request, client_address)

    def asked(self, request: socket.socket) -> None:
        """The connection's request has come in full."""
        with self._lock:
            if request in self._open:
                self._open[request].has_asked = True

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has been served or cut."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut connections that last too long, as by a byte at a time. The library calls this twice a second."""
        super().service_actions()
        with self._lock:
            late = monotonic() - REQUEST_TIMEOUT
            for request in [each for each, visit in self._open.items() if visit.began < late]:
                self._cut(request)

    def _cut(self, request: socket.socket) -> None:
        """End the connection. Its thread notices, and closes it."""
        self._open.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection. The pause keeps the library from spinning while no descriptor is to be had."""
        try:
            return self._accepted()
        except OSError:
            sleep(0.05)
            raise

    def _accepted(self) -> tuple[Any, Any]:
        return super().get_request()

    def server_bind(self) -> None:
        """Bind without the library's reverse look-up of the host, which waits seconds for an absent name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up, or for whom no thread can be had; the library prints a traceback."""


class Server6(Server):
    """Serves IPv6."""

    address_family = socket.AF_INET6


class UnixServer(Server):
    """Serves a Unix socket, whose path stands in place of a host."""

    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        """Bind to the path, in place of what a process that was killed has left there."""
        self._path = Path(str(self.server_address[0]))
        if self._path.is_socket():
            self._path.unlink()
        self.socket.bind(str(self._path))
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()

    def _accepted(self) -> tuple[socket.socket, tuple[str, int]]:
        """A client on a Unix socket has no address, and the library wants one."""
        connection, _ = self.socket.accept()
        return connection, ("localhost", 0)

    def server_close(self) -> None:
        """Close the socket, and remove its path."""
        super().server_close()
        if self._path.is_socket():
            self._path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Visit:
    began: float
    has_asked: bool = False


class _Handler(WSGIRequestHandler):
    server: Server
    rbufsize = 0  # `_Head` has a buffer

    @property
    def timeout(self) -> float:  # type: ignore[override]
        """The library asks for it when a connection begins."""
        return REQUEST_TIMEOUT

    def setup(self) -> None:
        super().setup()
        self.rfile = _Head(self.rfile)

    def handle(self) -> None:
        """Answer the request. The library says 431 where its headers are too long, and nothing of its first line."""
        try:
            super().handle()
        except LineTooLong:
            self.requestline = self.request_version = self.command = ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)

    def get_stderr(self) -> TextIO:
        """Where the library prints a traceback of a client that it cannot write to: nowhere."""
        return io.StringIO()

    def parse_request(self) -> bool:
        """Read the rest of the request; False where it is refused, and has been answered."""
        sound = super().parse_request()
        self.server.asked(self.connection)
        return sound

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Probes come every few seconds: a line for each would drown the log."""


class _HeadTooLong(LineTooLong):
    def __init__(self) -> None:
        HTTPException.__init__(self, f"a request's line and headers may have {HEAD} bytes")


class _Head(io.BufferedReader):
    """What a client says, of which `HEAD` bytes are read; the library answers 431 to more, or `_Handler` 414."""

    _left = HEAD

    def readline(self, size: int | None = -1) -> bytes:
        most = self._left + 1
        line = super().readline(most if size is None or size < 0 else min(size, most))
        self._left -= len(line)
        if self._left < 0:
            raise _HeadTooLong
        return line
