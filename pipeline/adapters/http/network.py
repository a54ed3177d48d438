"""Sockets that connect only to addresses that were checked, and that end with their request's deadline."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2

from pipeline.adapters.http.addresses import is_public, is_usable
from pipeline.bounded import within
from pipeline.errors import ItemError, Reason
from pipeline.rules.claims import refused


class Deadline(threading.local):
    """How much time the request of this thread has left. Outside of one, each call gets 60 s."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end: float | None = None

    @contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """Bound what this thread does inside the ``with`` block to that many seconds in all."""
        self._end = self._clock() + seconds
        try:
            yield
        finally:
            self._end = None

    def left(self, error: type[Exception]) -> float:
        """Seconds that are left; raises `error` when there are none."""
        left = 60.0 if self._end is None else self._end - self._clock()
        if left <= 0:
            raise error("the time for this fetch is over")
        return left


class CheckedNetwork(httpcore2.NetworkBackend):
    """Looks a name up once, checks every address it stands for, and connects to one of those very addresses.

    A second look-up could answer differently (that is how DNS rebinding works), so there is none; and one private
    address among public ones refuses the name as a whole. TLS still checks the certificate against the name.
    """

    def __init__(self, deadline: Deadline, *, allow_private: bool) -> None:
        self._deadline = deadline
        self._allow_private = allow_private
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline decides
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect; raises `ItemError` (FETCH_REFUSED) for an address that is not allowed."""
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            left = self._deadline.left(httpcore2.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
            else:
                return _BoundStream(stream, self._deadline)
        raise last

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            left = self._deadline.left(httpcore2.ConnectTimeout)
            found = within(left, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:  # an answer, where a name server that is away gives none
                raise ItemError(Reason.FETCH_FAILED, f"there is no host {host}") from error
            raise httpcore2.ConnectError(f"{host} cannot be looked up: {error}") from error
        except UnicodeError as error:
            raise refused(f"{host} can be no host: {error}") from error
        except OSError as error:  # TimeoutError among them
            raise httpcore2.ConnectError(f"{host} cannot be looked up: {error}") from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        may_ask = is_usable if self._allow_private else is_public
        barred = [address for address in addresses if not may_ask(address)]
        if barred:
            kind = "an address that may be asked" if self._allow_private else "a public address"
            raise refused(f"{host} is at {barred[0]}, which is not {kind}")
        return addresses


class _BoundStream(httpcore2.NetworkStream):
    """A connection of which every read and write ends with the deadline of the request on this thread.

    A timeout for each read does not bound a request: a server that sends a byte now and then goes on for ever.
    """

    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline
        self.answers = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._inner.read(max_bytes, self._deadline.left(httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._inner.write(buffer, self._deadline.left(httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        """Go on in TLS, with the certificate checked against the name and not the address."""
        left = self._deadline.left(httpcore2.ConnectTimeout)
        return _BoundStream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def count_answer(stream: object) -> int:
    """Note that an answer came over a connection made here. Returns how many have by now."""
    if not isinstance(stream, _BoundStream):  # a connection that the server would turn into another protocol
        return 1
    stream.answers += 1
    return stream.answers
