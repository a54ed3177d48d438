"""HTTP/1.1 as uvicorn speaks it, with bounds where it has none: on headers, and on what comes after a refusal.

Two things it would get wrong are put right: an offer of another protocol loses no body, and trailers are no headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import httptools
import msgspec
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from workers.console.access.door import ALWAYS, TOO_MANY

HEAD_SECONDS = 10.0
"""In which a request's headers must have come, from a connection's begin or their first byte on."""
MOST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, and of what may come of them without its end."""
LINGERS = 5.0
"""Seconds that the rest of a body is taken, and thrown away, which was answered before it had come.

Whoever still sends would not read the answer if the connection were closed at once.
"""
MOST_AHEAD = 64
"""Requests that may come on a connection before the one before them is answered: thousands fit into one read."""

TOO_LONG = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the address and the headers have over {MOST_HEAD:,} bytes"
OFFERS = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and options of a connection, that offer another protocol."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. It is closed when its time is over, if need be with an answer that says so."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._most, self.limit_concurrency = self.limit_concurrency, None
        """Connections at a time. The server's own refusal would have none of the headers, and count nowhere."""
        self._too_many = False
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        """Bytes of headers, or of a trailer, that came in reads after the one with their begin."""
        self._said_bytes = 0
        """Bytes of the address and of the headers that came as a whole, in whichever read."""
        self._begun = list[RequestResponseCycle]()
        """The request that is being answered, if any: others may have come after it."""
        self._in_trailer = False
        """Whether what comes may be one: a chunk's size has come, and nothing of the chunk."""
        self._offered = False
        """Whether the request offers another protocol, for which the parser then takes what follows."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._too_many = self._most is not None and len(self.connections) > self._most
        self._allow(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)
        for cycle in [*self._begun, *(each for each, _ in self.pipeline)]:  # it tells the last alone
            cycle.disconnected = True
            cycle.message_event.set()
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        was_in_head, was_in_trailer = self._in_head, self._in_trailer
        self._unset_keepalive_if_required()
        self._parse(data)
        if self.transport.is_closing():
            return
        if (self._in_head and was_in_head) or (self._in_trailer and was_in_trailer):
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                self._refuse(*TOO_LONG)
        elif self._timer is None and self._answered and not self.cycle.more_body:
            self._allow(HEAD_SECONDS)  # line ends between two requests begin none

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][TOO_MANY] = self._too_many
        self._in_head, self._head_bytes, self._said_bytes = True, 0, 0
        self._in_trailer = self._offered = False
        self._allow(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)  # a trailer would pass by whatever a proxy takes out of headers
        self._count(len(name) + len(value) + len(b": \r\n"))

    def send_400_response(self, msg: str) -> None:
        """What is answered to what the parser does not take, or one of our bounds has ended."""
        if self._said_bytes > MOST_HEAD:
            self._refuse(*TOO_LONG)
        elif len(self.pipeline) > MOST_AHEAD:
            self._refuse(HTTPStatus.BAD_REQUEST, f"over {MOST_AHEAD} requests came ahead of an answer")
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        self._offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._offered:
            return
        super().on_headers_complete()
        if len(self.pipeline) > MOST_AHEAD:
            raise ValueError("too many requests wait")

    def on_chunk_header(self) -> None:
        """A chunk's size has come; after that of the last, a trailer."""
        self._in_trailer, self._head_bytes = True, 0

    def on_body(self, body: bytes) -> None:
        self._in_trailer = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_trailer = False
        if self._offered:
            return
        super().on_message_complete()
        if self._answered:
            self._disarm()
            self.cycle.more_body = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._begun = [cycle]
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._begun = []
        super().on_response_complete()
        if self.cycle.more_body and not self.transport.is_closing():
            self._allow(LINGERS)

    @property
    def _answered(self) -> bool:
        """Whether the last request whose headers have come has its answer."""
        return self.cycle is None or self.cycle.response_complete

    def _parse(self, data: bytes) -> None:
        """Tell the parser of it. A request that offers another protocol is parsed again, as if it did not.

        The server need not take the offer, and clients make it unasked (curl's ``--http2``, Java's HttpClient). The
        parser goes on with nothing after it, so that a sound picture was judged as one without a byte.
        """
        rest: memoryview | None = memoryview(data)
        try:
            while rest is not None:
                rest = self._parse_to_an_offer(rest)
        except httptools.HttpParserError:
            self.send_400_response("this is no HTTP/1.1 that can be read")

    def _parse_to_an_offer(self, data: memoryview) -> memoryview | None:
        """What comes after the head of a request that made an offer; None where all is parsed."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._begin_again()
            return data[offer.args[0] :]
        return None

    def _begin_again(self) -> None:
        """Have a new parser read the head without its offer. Raises `HttpParserError` where that was none."""
        if not self._offered:
            raise httptools.HttpParserError("it asks for a tunnel")
        version = self.parser.get_http_version().encode()
        head = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)
        lines = [b"%s: %s\r\n" % each for each in _without_offer(self.headers)]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(b"".join([head, *lines, b"\r\n"]))

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
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the headers did not come in time")
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """Close, with an answer that is the same for every path: what was asked is not known."""
        said = msgspec.json.encode({"title": status.phrase, "status": status.value, "detail": why})
        headers = {
            **ALWAYS,
            "cache-control": "no-store",
            "content-type": "application/problem+json",
            "content-length": str(len(said)),
            "connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + lines.encode() + b"\r\n" + said)
        self.transport.close()


def _without_offer(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The headers that say nothing of another protocol."""
    for name, value in headers:
        if name == b"connection":
            kept = [each for each in value.split(b",") if each.strip().lower() not in OFFERS]
            yield name, b",".join(kept)
        elif name not in OFFERS:
            yield name, value
