"""uvicorn on a thread of its own, so that the main thread moderates as a worker's does."""

from __future__ import annotations

import socket
import time
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from pipeline.errors import ServiceError

CONNECTIONS = 1024
"""Most at a time; one more is answered 503 and closed."""
KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept: longer than load balancers wait between two requests of a busy client."""
LAST_WORDS = 2.0
"""Seconds that clients get to read the last answers."""
_START = 10.0
_LOOK = 0.005


class HttpServer:
    """Serves an app from construction until `close`. Raises `ServiceError` when the address cannot be had."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        """With port 0 any free one is taken; `port` then says which."""
        listening = _bound(host, port)
        self.port: int = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                loop="uvloop",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=int(KEEP_ALIVE),
                timeout_graceful_shutdown=int(LAST_WORDS),
            )
        )
        self._thread = Thread(target=self._server.run, args=([listening],), name="sluice-http", daemon=True)
        self._thread.start()
        ends = time.monotonic() + _START
        while not self._server.started and self._thread.is_alive() and time.monotonic() < ends:
            time.sleep(_LOOK)

    def alive(self) -> str | None:
        """Why a restart is called for, if so."""
        return None if self._thread.is_alive() else "the HTTP server has ended"

    def close(self) -> None:
        """Let answers that are on their way get there, and free the port. Idempotent."""
        self._server.should_exit = True
        self._thread.join(LAST_WORDS + 2)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ServiceError(
            f"port {port} of {host} cannot be had ({error.strerror or error}); see --api-host and --api-port"
        ) from error
    return listening
