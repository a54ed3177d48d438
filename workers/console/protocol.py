"""HTTP/1.1 as uvicorn speaks it, with bounds where it has none: on headers, and on what comes after a refusal."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_SECONDS = 10.0
"""In which a request's headers must have come, from a connection's begin or their first byte on."""
MOST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, and of what may come of them without its end."""
LINGERS = 5.0
"""Seconds that the rest of a body is taken, and thrown away, which was answered before it had come.

Whoever still sends would not read the answer if the connection were closed at once.
"""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. It is closed when its time is over, if need be with an answer that says so."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        """Bytes of headers that came in reads after the one with their begin."""
        self._said_bytes = 0
        """Bytes of the address and of the headers that came as a whole, in whichever read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and was_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._timer is None and self._answered and not self.cycle.more_body:
            self._allow(HEAD_SECONDS)  # line ends between two requests begin none

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._said_bytes = True, 0, 0
        self._allow(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + len(b": \r\n"))

    def send_400_response(self, msg: str) -> None:
        """What is answered to what the parser does not take, or `_count` has ended."""
        if self._said_bytes > MOST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._answered:
            self._disarm()
            self.cycle.more_body = False

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body and not self.transport.is_closing():
            self._allow(LINGERS)

    @property
    def _answered(self) -> bool:
        """Whether the last request whose headers have come has its answer."""
        return self.cycle is None or self.cycle.response_complete

    def _count(self, size: int) -> None:
        """End the parsing of a request whose headers are too long: the parser's caller then sends a refusal."""
        self._said_bytes += size
        if self._said_bytes > MOST_HEAD:
            raise ValueError("the headers are too long")

    def _allow(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._out_of_time)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _out_of_time(self) -> None:
        self._timer = None
        if not self._answered:
            self.cycle.keep_alive = False  # half of the next request has come: this one's answer is the last
        elif self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Close, with an answer that says nothing but its status: what was asked is not known."""
        self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
