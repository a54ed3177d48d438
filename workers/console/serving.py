"""The server of the console and of the API, on a thread of its own."""

from __future__ import annotations

import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

from pipeline.errors import ServiceError
from workers.console.protocol import BoundedProtocol
from workers.process.open_files import make_room_for
from workers.settings import variable

CONNECTIONS = 1024
"""Most at a time; one more is answered 503."""
KEEP_ALIVE = 60
"""Seconds that an idle connection is kept: a load balancer must not find one closed that it is about to use."""
ENDING = 2
"""Seconds that open answers have to end; the streams of browsers never do by themselves."""
_STARTING = 30.0
_LOOK = 0.01


class Serving:
    """Serves from construction until `close`. `port` is the one that was bound, also where 0 was asked for.

    Raises `ServiceError` when the address cannot be had; `setting` then says what to change.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, setting: str = "console_port") -> None:
        make_room_for(CONNECTIONS)
        self._socket = _bound(host, port, setting)
        self._host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            loop="uvloop",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # who a proxy says that somebody is, is told by `access`
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=ENDING,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="sluice-console", daemon=True)
        self._thread.start()
        ends = time.monotonic() + _STARTING
        while not self._server.started and self._thread.is_alive() and time.monotonic() < ends:
            time.sleep(_LOOK)

    @property
    def address(self) -> str:
        """Where a browser of this machine finds it."""
        host = "localhost" if self._host in {"0.0.0.0", "::", "127.0.0.1", "localhost"} else self._host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def alive(self) -> str | None:
        """Why it does not serve, if so."""
        return None if self._thread.is_alive() else "the server has ended"

    def close(self) -> None:
        """Stop serving. Idempotent."""
        self._server.should_exit = True
        self._thread.join(ENDING + 5)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _bound(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise ServiceError(
            f"port {port} of {host} cannot be had ({error.strerror or error}); give another with"
            f" --{setting.replace('_', '-')} or {variable(setting)} (0: any free one)"
        ) from error
    return made
