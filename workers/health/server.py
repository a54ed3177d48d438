"""What a platform asks a process over HTTP: its metrics, whether it is alive, whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from errno import EADDRINUSE
from http import HTTPStatus
from ipaddress import ip_address
from threading import BoundedSemaphore, Lock, Thread
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from pipeline.errors import ServiceError
from workers.health.connections import REQUEST_TIMEOUT, Server, Server6, UnixServer
from workers.health.vitals import Check
from workers.terminal.plain import one_line

METHODS = ("GET", "HEAD")
PAGES = 8
"""Most pages of metrics that are made at a time; each costs milliseconds of the interpreter, which images need."""
_log = structlog.get_logger(__name__)


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
        self._host = host
        self._server = _listen(host, port)
        self._server.set_app(_application(registry, {"/healthz": alive, "/readyz": ready}, notices))
        self.port: int = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="sluice-health", daemon=True)
        self._thread.start()

    def announce(self) -> None:
        """Log where it listens, and who can reach it there."""
        if self._host.startswith("/"):
            _log.debug("health_served", at=self._host)
            return
        host = f"[{self._host}]" if ":" in self._host else self._host
        alone = "this machine alone; for probes and scrapers elsewhere give --metrics-host or SLUICE_METRICS_HOST"
        reach = alone if _is_loopback(self._host) else "whoever reaches that address"
        _log.info("health_served", at=f"http://{host}:{self.port}", to=reach)

    def close(self) -> None:
        """Stop answering and free the port; blocks for half a second at most. Idempotent."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class _Page:
    status: str
    headers: list[tuple[str, str]]
    body: bytes


def _application(
    registry: CollectorRegistry, checks: dict[str, Check], notices: Callable[[], Sequence[str]]
) -> WSGIApplication:
    metrics: WSGIApplication = make_wsgi_app(registry)
    pages = BoundedSemaphore(PAGES)
    shared = {path: _Shared(check) for path, check in checks.items()}

    def scraped(environ: WSGIEnvironment) -> _Page:
        if not pages.acquire(blocking=False):
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"{PAGES} scrapes are being answered")
        try:
            return _scraped(metrics, environ)
        finally:
            pages.release()

    def page(environ: WSGIEnvironment) -> _Page:
        path = environ["PATH_INFO"]
        if path != "/metrics" and path not in shared:
            return _text(HTTPStatus.NOT_FOUND, "try /metrics, /healthz or /readyz")
        if environ["REQUEST_METHOD"] not in METHODS:
            return _text(
                HTTPStatus.METHOD_NOT_ALLOWED, f"ask by {' or '.join(METHODS)}", ("Allow", ", ".join(METHODS))
            )
        if path == "/metrics":
            return scraped(environ)
        reason = shared[path].ask()
        status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        return _text(status, "\n".join(map(one_line, (reason or "ok", *_told(notices)))))

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            found = page(environ)
        except Exception:  # noqa: BLE001 - logged in full; the library would print it, as often as somebody asks
            _log.exception("page_failed", path=environ["PATH_INFO"])
            found = _text(
                HTTPStatus.INTERNAL_SERVER_ERROR, "this page cannot be made; the log says why (page_failed)"
            )
        start_response(found.status, [*found.headers, ("Content-Length", str(len(found.body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [found.body]

    return answer


def _scraped(metrics: WSGIApplication, environ: WSGIEnvironment) -> _Page:
    """The page of the registry, in the format that the scraper asks for."""
    try:
        return _made(metrics, environ)
    except Exception:  # the library compares the versions in that header, and raises at what is none
        if not environ.get("HTTP_ACCEPT"):
            raise
        return _made(metrics, environ | {"HTTP_ACCEPT": ""})


def _made(metrics: WSGIApplication, environ: WSGIEnvironment) -> _Page:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None, /) -> Callable[[bytes], object]:
        started.append((status, headers))
        return started.append  # type: ignore[return-value]  # the library writes nothing that way

    body = b"".join(metrics(environ | {"REQUEST_METHOD": "GET"}, start))
    return _Page(*started[0], body)


class _Shared:
    """A check that is asked once for all who want to know at that moment: a crowd costs no more than one does."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lock = Lock()
        self._begun = 0
        self._reason: str | None = None

    def ask(self) -> str | None:
        """Its reason, by a round that has begun since this call."""
        before = self._begun
        if not self._lock.acquire(timeout=REQUEST_TIMEOUT):
            return "the check does not come back"
        try:
            if self._begun <= before:
                self._begun += 1
                self._reason = _asked(self._check)
            return self._reason
        finally:
            self._lock.release()


def _asked(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whoever asks is to be told, and not to be hung up on
        return f"the check failed: {type(error).__name__}: {error}"


def _told(notices: Callable[[], Sequence[str]]) -> Sequence[str]:
    try:
        return notices()
    except Exception as error:  # noqa: BLE001 - they change no answer, whatever they are
        return [f"the notices failed: {type(error).__name__}: {error}"]


def _text(status: HTTPStatus, line: str, *headers: tuple[str, str]) -> _Page:
    kind = ("Content-Type", "text/plain; charset=utf-8")
    return _Page(f"{status.value} {status.phrase}", [kind, *headers], f"{line}\n".encode())


def _listen(host: str, port: int) -> Server:
    kind = UnixServer if host.startswith("/") else Server6 if ":" in host else Server
    try:
        return kind((host, port))
    except OSError as error:
        if error.errno == EADDRINUSE:
            advice = "is taken; give another with --metrics-port or SLUICE_METRICS_PORT (0: any free one)"
        else:
            advice = f"cannot be had ({error.strerror or error}); see --metrics-host and --metrics-port"
        raise ServiceError(f"port {port} of {host} {advice}") from error
