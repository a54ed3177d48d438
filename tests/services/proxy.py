"""A loopback proxy that can misbehave as networks do: swallow what it is given, or accept and hang up."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from enum import Enum
from typing import Self

from tests.services.processes import HOST

_CHUNK = 1 << 16


class Mode(Enum):
    """What becomes of the bytes that a client or the server sends."""

    PASS = "pass"
    SWALLOW = "swallow"
    HANG_UP = "hang up"


class Proxy:
    """Between clients and one port. What it swallows is gone: the connection stays open and goes on with a hole."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.target: int = 0
        self.mode = Mode.PASS
        self.accepted = 0
        self.bytes_per_second: float | None = None
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        for each in [self._listener, *self._pairs]:
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.05):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._move(key.fileobj)  # type: ignore[arg-type]

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self.accepted += 1
        if self.mode is Mode.HANG_UP:
            client.close()
            return
        try:
            server = socket.create_connection((HOST, self.target), timeout=5)
        except OSError:
            client.close()
            return
        for each, other in ((client, server), (server, client)):
            self._pairs[each] = other
            self._selector.register(each, selectors.EVENT_READ)

    def _move(self, sender: socket.socket) -> None:
        if sender not in self._pairs:
            return
        try:
            data = sender.recv(_CHUNK)
            if data and self.mode is Mode.PASS:
                self._pairs[sender].sendall(data)
                if self.bytes_per_second is not None:
                    time.sleep(len(data) / self.bytes_per_second)
        except OSError:
            data = b""
        if not data or self.mode is Mode.HANG_UP:
            self._part(sender)

    def _part(self, sender: socket.socket) -> None:
        for each in (sender, self._pairs[sender]):
            self._pairs.pop(each, None)
            with suppress(KeyError):
                self._selector.unregister(each)
            each.close()

    def hang_up(self) -> None:
        """From now on close an open connection as soon as either side sends anything, and a new one at once."""
        self.mode = Mode.HANG_UP
