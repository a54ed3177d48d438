"""The socket between a worker and one decode process: whole messages, a head and a body each."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from weakref import finalize

import numpy as np

READY = b"."
"""The first byte that a process sends: it is confined, and takes an image."""
MOST_HEAD = 1 << 24
"""Most bytes of a head: a region has 20, and there are few notes."""
KEPT = 1 << 20
"""Bytes of the buffer that is kept; larger messages get one of their own."""
_LENGTHS = struct.Struct("<IQ")
"""Bytes of the head, bytes of the body."""


class EndedError(Exception):
    """The other side has hung up."""


class NonsenseError(Exception):
    """The other side says what nobody understands."""


class Line:
    """One end. The two sides take turns, so nothing comes behind a message until it is answered.

    Where the socket has a timeout, `late` is called whenever that passes; it raises when that is enough.
    """

    def __init__(self, connection: socket.socket, late: Callable[[], object] = lambda: None) -> None:
        self._connection = connection
        self._late = late
        self._kept = np.empty(KEPT, np.uint8).data
        self.close = finalize(self, connection.close)
        """Hang up. Idempotent; it also happens when nobody refers to this any more."""

    def send(self, head: bytes, body: bytes | memoryview) -> None:
        """Send a message. Raises ``BrokenPipeError`` where nobody has received anything of it, `EndedError` else."""
        front = _LENGTHS.pack(len(head), len(body)) + head
        sent = self._connection.sendmsg((front, body))
        if sent < len(front) + len(body):
            self._send_rest(memoryview(front)[sent:], memoryview(body)[max(0, sent - len(front)) :])

    def receive(self, most: int) -> tuple[memoryview, memoryview]:
        """The next message, its body of at most `most` bytes; the next one overwrites both.

        Raises `EndedError` and `NonsenseError`.
        """
        whole = self._kept
        have = self._receive(whole, 0, _LENGTHS.size)
        head, body = _LENGTHS.unpack_from(whole)
        if head > MOST_HEAD or body > most:
            raise NonsenseError(f"a message of {head:,} and {body:,} bytes")
        start, end = _LENGTHS.size + head, _LENGTHS.size + head + body
        if end > len(whole):
            whole = np.empty(end, np.uint8).data
            whole[:have] = self._kept[:have]
        if have < end:
            self._receive(whole, have, end)
        return whole[_LENGTHS.size : start], whole[start:end]

    def _receive(self, into: memoryview, have: int, least: int) -> int:
        """Go on filling `into`, where there are `have` bytes, until there are `least`. Returns how many there are."""
        while have < least:
            try:
                got = self._connection.recv_into(into[have:])
            except TimeoutError:
                self._late()
                continue
            except OSError as error:
                raise EndedError from error
            if not got:
                raise EndedError
            have += got
        return have

    def _send_rest(self, *parts: memoryview) -> None:
        for part in parts:
            left = part
            while left:
                try:
                    left = left[self._connection.send(left) :]
                except TimeoutError:
                    self._late()
                except OSError as error:
                    raise EndedError from error
