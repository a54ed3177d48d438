"""Claim checks over HTTP: from allowed hosts alone, at public addresses alone, with every size and time bounded."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore2
import stamina

from pipeline.adapters.http.addresses import Hosts, Target, http_target
from pipeline.adapters.http.network import CheckedNetwork, Deadline, count_answer
from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.claims import check_plain, checked, refused, too_large
from pipeline.wire import Claim

ATTEMPTS = 3
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.0

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
# What may be different in a moment: timeouts on the way, too many requests, a gateway's bad day.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

# No compression: an image gains nothing by it, and a bomb needs it.
_HEADERS = [(b"accept", b"image/*, */*;q=0.5"), (b"accept-encoding", b"identity"), (b"user-agent", b"sluice")]


class _PassingError(Exception):
    """What failed may work at another attempt."""


@dataclass(slots=True)
class _Way:
    """The connections that one fetch goes by. `reused` says that one of them had carried another answer before."""

    pool: httpcore2.ConnectionPool
    headers: list[tuple[bytes, bytes]]
    reused: bool = False


class HttpFetcher:
    """A `Fetcher` for ``http(s)://``; safe to call from many threads at once.

    Threads share connections, as far as a hash says whose bytes came: who sends two answers to one request, be it by
    mistake, would have the next claim take the second for its own. A claim without a hash has a connection to itself.

    Without allowed hosts it refuses everything. `timeout` (seconds) bounds a fetch as a whole, with its redirects and
    its repeated attempts. `allow_private` lets names lead to private addresses, for object stores inside the cluster;
    link-local addresses and metadata services stay out of reach even then. Certificates are checked against the
    system's authorities (or SSL_CERT_FILE's), unless `ssl_context` brings others. Proxies and credentials of the
    environment are not looked at.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str],
        *,
        allowed_schemes: Sequence[str] = ("https",),
        allow_private: bool = False,
        max_bytes: int = 50_000_000,
        timeout: float = 10.0,
        max_redirects: int = 3,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = Hosts(tuple(allowed_hosts))
        self._schemes = tuple(allowed_schemes)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._max_redirects = max_redirects
        self._deadline = Deadline(clock)
        self._network = CheckedNetwork(self._deadline, allow_private=allow_private)
        self._pool = self._connections(ssl_context, keep=64)
        self._single = self._connections(ssl_context, keep=0)

    def fetch(self, claim: Claim) -> bytes:
        """The image's bytes; blocks for `timeout` at most.

        Raises `ItemError`: FETCH_REFUSED for what is not allowed, TOO_LARGE, CHECKSUM_MISMATCH, and FETCH_FAILED for
        what is not there. Raises `RetryError` for what did not work within the time and may work later.
        """
        target = http_target(claim.uri, self._schemes, self._hosts)
        with self._deadline.of(self._timeout):
            if claim.sha256 is None:
                return self._persistently(target, self._alone())
            way = _Way(self._pool, _HEADERS)
            try:
                return checked(self._persistently(target, way), claim, target.host)
            except RetryError:
                raise
            except ItemError:
                if not way.reused:
                    raise
            # What a connection in use said may have been another claim's answer, the failure too.
            return checked(self._persistently(target, self._alone()), claim, target.host)

    def close(self) -> None:
        self._pool.close()
        self._single.close()

    def _connections(self, ssl_context: ssl.SSLContext | None, keep: int) -> httpcore2.ConnectionPool:
        return httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=64,
            max_keepalive_connections=keep,
            keepalive_expiry=15.0,
            network_backend=self._network,
        )

    def _alone(self) -> _Way:
        """A new connection for each request, which is closed after it."""
        return _Way(self._single, [*_HEADERS, (b"connection", b"close")])

    def _persistently(self, target: Target, way: _Way) -> bytes:
        """Try a few times, as long as the deadline lets us."""
        attempts = stamina.retry_context(
            on=_PassingError,
            attempts=ATTEMPTS,
            timeout=self._timeout,
            wait_initial=_FIRST_WAIT,
            wait_max=_LONGEST_WAIT,
        )
        try:
            for attempt in attempts:
                with attempt:
                    return self._follow(target, way)
        except _PassingError as error:
            raise RetryError(Reason.FETCH_FAILED, f"{target.host} cannot be fetched from: {error}") from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _follow(self, target: Target, way: _Way) -> bytes:
        """The answer at the end of the redirects, each of which is checked like the first address."""
        for _ in range(self._max_redirects + 1):
            answer = self._ask(target, way)
            if isinstance(answer, bytes):
                return answer
            target = http_target(urljoin(target.url, answer), self._schemes, self._hosts)
        raise refused(f"{target.host} redirects more than {self._max_redirects} times")

    def _ask(self, target: Target, way: _Way) -> bytes | str:
        """One request: the body, or where it redirects to."""
        extensions = {"timeout": {"pool": self._deadline.left(_PassingError)}}
        # In parts, and not as the text: what another parser makes of the text need not be what was checked.
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        headers = [(b"host", target.authority.encode()), *way.headers]
        try:
            with way.pool.stream("GET", url, headers=headers, extensions=extensions) as response:
                way.reused |= count_answer(response.extensions["network_stream"]) > 1
                return self._read(target, response)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from error

    def _read(self, target: Target, response: httpcore2.Response) -> bytes | str:
        if response.status in _REDIRECTS and (locations := _values(response, b"location")):
            return locations[0].decode("latin-1")
        if response.status in _PASSING:
            raise _PassingError(f"it answers {response.status}")
        if response.status != _OK:
            raise ItemError(Reason.FETCH_FAILED, f"{target.host} answers {response.status}")
        check_plain((each.decode("latin-1") for each in _values(response, b"content-encoding")), target.host)
        lengths = _values(response, b"content-length")
        return self._body(target, lengths[0] if lengths else b"", response.iter_stream())

    def _body(self, target: Target, announced: bytes, chunks: Iterable[bytes]) -> bytes:
        if announced.isdigit() and int(announced[:20]) > self._max_bytes:
            raise too_large(target.host, self._max_bytes)
        image = bytearray()
        for chunk in chunks:
            image += chunk
            if len(image) > self._max_bytes:
                raise too_large(target.host, self._max_bytes)
        return bytes(image)


def _values(response: httpcore2.Response, name: bytes) -> list[bytes]:
    """The values of all headers of that name."""
    return [value for each, value in response.headers if each.lower() == name]
