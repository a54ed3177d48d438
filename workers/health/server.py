"""What a platform asks a worker over HTTP: its metrics, whether it is alive, whether it is ready."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from errno import EADDRINUSE
from http import HTTPStatus
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from pipeline.errors import ServiceError
from workers.health.vitals import Check

REQUEST_TIMEOUT = 10.0
"""Seconds that a connection may last, however its client spends them: none holds a thread for ever."""
CONNECTIONS = 64
"""Most connections at a time, each on a thread of its own.

One more ends the oldest, which is no probe: those are answered long before.
"""


class HealthServer:
    """Serves ``/metrics``, ``/healthz`` and ``/readyz`` on threads of its own, from construction until `close`.

    A check that is not well answers 503 with its reason as text. `notices` are lines below the answer, which they do
    not change. `port` is the one that was bound, also where 0 was asked for. A `host` that is an absolute path is a
    Unix socket, and `port` then says nothing. Raises `ServiceError` when the address cannot be had.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        alive: Check,
        ready: Check,
        notices: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._server = _listen(host, port)
        self._server.set_app(_application(registry, {"/healthz": alive, "/readyz": ready}, notices))
        self.port: int = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="sluice-health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port; blocks for half a second at most. Idempotent."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _application(
    registry: CollectorRegistry, checks: dict[str, Check], notices: Callable[[], Sequence[str]]
) -> WSGIApplication:
    metrics: WSGIApplication = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        if path not in checks:
            return _text(start_response, HTTPStatus.NOT_FOUND, "try /metrics, /healthz or /readyz")
        reason = _asked(checks[path])
        status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        return _text(start_response, status, "\n".join([reason or "ok", *notices()]))

    return answer


def _asked(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whoever asks is to be told, and not to be hung up on
        return f"the check failed: {type(error).__name__}: {error}"


def _text(start_response: StartResponse, status: HTTPStatus, line: str) -> Iterable[bytes]:
    body = f"{line}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_port = False  # or a second worker would share the port in silence

    def __init__(self, *arguments: Any) -> None:
        self._open: dict[socket.socket, float] = {}
        """When each connection began, oldest first."""
        self._lock = Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve the request on a thread of its own, after ending the oldest connection where there are too many."""
        with self._lock:
            if len(self._open) >= CONNECTIONS:
                self._cut(next(iter(self._open)))
            self._open[request] = monotonic()
        super().process_request(request, client_address)

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
            for request in [each for each, began in self._open.items() if began < late]:
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


class _Server6(_Server):
    address_family = socket.AF_INET6


class _UnixServer(_Server):
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


class _Handler(WSGIRequestHandler):
    @property
    def timeout(self) -> float:  # type: ignore[override]
        """The library asks for it when a connection begins."""
        return REQUEST_TIMEOUT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Probes come every few seconds: a line for each would drown the log."""


def _listen(host: str, port: int) -> _Server:
    kind = _UnixServer if host.startswith("/") else _Server6 if ":" in host else _Server
    try:
        return kind((host, port), _Handler)
    except OSError as error:
        if error.errno == EADDRINUSE:
            advice = "is taken; give another with --metrics-port or SLUICE_METRICS_PORT (0: any free one)"
        else:
            advice = f"cannot be had ({error.strerror or error}); see --metrics-host and --metrics-port"
        raise ServiceError(f"port {port} of {host} {advice}") from error
