"""Who is connected to the encoder's server, who of them has never said a word, and how much memory each shares."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock

CONNECTIONS = 256
"""Connections at a time: each moderator has two, and each takes a thread of the server."""
MEMORY = 8 * 1024**3
"""Bytes that all clients together may share with the server; 64 views of 224 x 224 are 10 MB."""


class Guests:
    """Keeps connections and memory within their bounds. Safe to call from many threads."""

    def __init__(self, connections: int = CONNECTIONS, memory: int = MEMORY) -> None:
        self._most = connections
        self._memory = memory
        self._lock = Lock()
        self._inside: dict[socket.socket, int] = {}
        self._strangers: dict[socket.socket, None] = {}
        """Those that have never said a word, in the order in which they came."""

    def enter(self, connection: socket.socket) -> bool:
        """Let the connection in; for want of room, hang up on the first of those that have never said a word.

        Returns False where there is neither room nor such a one.
        """
        with self._lock:
            silent = None
            if len(self._inside) >= self._most:
                silent = next(iter(self._strangers), None)
                if silent is None:
                    return False
                self._forget(silent)
            self._inside[connection] = 0
            self._strangers[connection] = None
        if silent is not None:
            _hang_up(silent)
        return True

    def knows(self, connection: socket.socket) -> None:
        """The connection has said something: it is no longer hung up on for want of room."""
        with self._lock:
            self._strangers.pop(connection, None)

    def take_memory(self, connection: socket.socket, count: int) -> None:
        """Let it share `count` bytes, in place of those before. Raises ``ValueError`` when that is too much."""
        with self._lock:
            others = sum(self._inside.values()) - self._inside.get(connection, 0)
            if not 0 < count <= self._memory - others:
                raise ValueError(f"{count:,} bytes of memory beside {others:,}: more than {self._memory:,}")
            self._inside[connection] = count

    def leave(self, connection: socket.socket) -> None:
        """Forget the connection. Idempotent."""
        with self._lock:
            self._forget(connection)

    def hang_up(self) -> None:
        """Hang up on everyone."""
        with self._lock:
            everyone = list(self._inside)
        for connection in everyone:
            _hang_up(connection)

    def _forget(self, connection: socket.socket) -> None:
        self._inside.pop(connection, None)
        self._strangers.pop(connection, None)


def _hang_up(connection: socket.socket) -> None:
    """End the connection: the thread that reads from it sees that, and closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
