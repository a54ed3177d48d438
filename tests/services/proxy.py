"""A loopback proxy that can misbehave as networks do: late, cut, half open, deaf, or accepting and hanging up.

One client that reads nothing holds up nobody else: what it has not taken waits in a buffer of its own.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from tests.services.processes import HOST

_CHUNK = 1 << 16
_MOST_HELD = 4 << 20
"""Bytes for one receiver past which its sender is not read from."""
_TICK = 0.05


class Mode(Enum):
    """What becomes of the bytes that a client or the server sends."""

    PASS = "pass"
    SWALLOW = "swallow"
    HANG_UP = "hang up"
    HALF_OPEN = "half open"
    """The server's side of a connection that sends anything is gone, and the client is never told; a new connection
    is accepted and leads nowhere."""


@dataclass(eq=False)
class _End:
    """One side of a connection, and what is on its way to it."""

    socket: socket.socket
    other: _End | None = None
    held: deque[tuple[float, bytes]] = field(default_factory=deque)
    size: int = 0
    ready_at: float = 0.0
    """When it may be read from again, where bytes are let through at a rate."""
    ends: bool = False
    """Its sender has ended: it is closed once it has taken what is held."""


class Proxy:
    """Between clients and one port. What it swallows is gone: the connection stays open and goes on with a hole."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self.target: int = 0
        self.mode = Mode.PASS
        self.accepted = 0
        self.bytes_per_second: float | None = None
        self.latency = 0.0
        """Seconds by which everything arrives later, in either direction."""
        self._cut = False
        self._ends: set[_End] = set()
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
        for each in [self._listener, *(end.socket for end in self._ends)]:
            each.close()
        self._selector.close()

    def hang_up(self) -> None:
        """From now on close an open connection as soon as either side sends anything, and a new one at once."""
        self.mode = Mode.HANG_UP

    def cut(self) -> None:
        """Close every connection that is open now; new ones are as the mode says."""
        self._cut = True

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, ready in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                if ready & selectors.EVENT_READ:
                    self._read(key.data)
                if ready & selectors.EVENT_WRITE:
                    self._write(key.data)
            if self._cut:
                self._cut = False
                for end in list(self._ends):
                    self._close(end)
            for end in list(self._ends):
                self._watch(end)

    def _patience(self) -> float:
        now = time.monotonic()
        waits = [end.held[0][0] - now for end in self._ends if end.held]
        waits += [end.ready_at - now for end in self._ends if end.ready_at > now]
        return min([_TICK, *(max(0.001, wait) for wait in waits)])

    def _accept(self) -> None:
        with suppress(OSError):
            client, _ = self._listener.accept()
            self.accepted += 1
            if self.mode is Mode.HANG_UP:
                client.close()
            elif self.mode is Mode.HALF_OPEN:
                self._add(client)
            else:
                self._join(client)

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self.target), timeout=5)
        except OSError:
            client.close()
            return
        here, there = self._add(client), self._add(server)
        here.other, there.other = there, here

    def _add(self, connection: socket.socket) -> _End:
        connection.setblocking(False)
        end = _End(connection)
        self._ends.add(end)
        self._selector.register(connection, selectors.EVENT_READ, end)
        return end

    def _watch(self, end: _End) -> None:
        """Ask the selector for what this end is ready for now: to be read from, written to, both, or nothing."""
        if end not in self._ends:
            return
        now = time.monotonic()
        full = end.other is not None and end.other.size > _MOST_HELD
        wanted = 0 if full or end.ends or end.ready_at > now else selectors.EVENT_READ
        if end.held and end.held[0][0] <= now:
            wanted |= selectors.EVENT_WRITE
        try:
            registered = self._selector.get_key(end.socket).events
        except KeyError:
            registered = 0
        if wanted == registered:
            return
        if not registered:
            self._selector.register(end.socket, wanted, end)
        elif not wanted:
            self._selector.unregister(end.socket)
        else:
            self._selector.modify(end.socket, wanted, end)

    def _read(self, sender: _End) -> None:
        if sender not in self._ends:
            return
        try:
            data = sender.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self.mode is Mode.HALF_OPEN and sender.other is not None and data:
            self._forget_the_server(sender)
        elif not data or self.mode is Mode.HANG_UP:
            self._part(sender, at_once=self.mode is Mode.HANG_UP)
        elif self.mode is Mode.PASS and sender.other is not None:
            now = time.monotonic()
            sender.other.held.append((now + self.latency, data))
            sender.other.size += len(data)
            if self.bytes_per_second is not None:
                sender.ready_at = now + len(data) / self.bytes_per_second
            if not self.latency:
                self._write(sender.other)

    def _write(self, receiver: _End) -> None:
        now = time.monotonic()
        while receiver in self._ends and receiver.held and receiver.held[0][0] <= now:
            due, data = receiver.held.popleft()
            try:
                sent = receiver.socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._part(receiver, at_once=True)
                return
            receiver.size -= sent
            if sent < len(data):
                receiver.held.appendleft((due, data[sent:]))
                return
        if receiver.ends and not receiver.held:
            self._close(receiver)

    def _forget_the_server(self, sender: _End) -> None:
        """Close the server's side of this connection; which side is which shows in whose port is the target."""
        other = sender.other
        if other is None:
            return
        server, client = (sender, other) if _peer(sender.socket) == self.target else (other, sender)
        client.other, server.other = None, None
        client.held.clear()
        self._close(server)

    def _part(self, sender: _End, *, at_once: bool = False) -> None:
        """One side has ended: the other takes what is on its way, and ends too."""
        other = sender.other
        self._close(sender)
        if other is not None:
            other.other, other.ends = None, True
            if at_once or not other.held:
                self._close(other)

    def _close(self, end: _End) -> None:
        if end in self._ends:
            self._ends.remove(end)
            with suppress(KeyError, ValueError):
                self._selector.unregister(end.socket)
            end.socket.close()


def _peer(connection: socket.socket) -> int | None:
    with suppress(OSError):
        return int(connection.getpeername()[1])
    return None
