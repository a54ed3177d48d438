"""Claim checks over HTTP: from allowed hosts alone, at public addresses alone, with every size and time bounded."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from urllib.parse import urljoin

import httpcore2
import stamina

from pipeline.adapters.http.addresses import Hosts, Target, http_target, refused
from pipeline.adapters.http.network import CheckedNetwork, Deadline
from pipeline.errors import ItemError, Reason, RetryError
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


class HttpFetcher:
    """A `Fetcher` for ``http(s)://``; safe to call from many threads at once, which share its connections.

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
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=64,
            keepalive_expiry=15.0,
            network_backend=CheckedNetwork(self._deadline, allow_private=allow_private),
        )

    def fetch(self, claim: Claim) -> bytes:
        """The image's bytes; blocks for `timeout` at most.

        Raises `ItemError`: FETCH_REFUSED for what is not allowed, TOO_LARGE, CHECKSUM_MISMATCH, and FETCH_FAILED for
        what is not there. Raises `RetryError` for what did not work within the time and may work later.
        """
        target = http_target(claim.uri, self._schemes, self._hosts)
        with self._deadline.of(self._timeout):
            image = self._persistently(target)
        found = sha256(image).hexdigest()
        if claim.sha256 is not None and claim.sha256.lower() != found:
            raise ItemError(
                Reason.CHECKSUM_MISMATCH, f"{target.host} sent {found}, the claim check says {claim.sha256[:64]}"
            )
        return image

    def close(self) -> None:
        self._pool.close()

    def _persistently(self, target: Target) -> bytes:
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
                    return self._follow(target)
        except _PassingError as error:
            raise RetryError(Reason.FETCH_FAILED, f"{target.host} cannot be fetched from: {error}") from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _follow(self, target: Target) -> bytes:
        """The answer at the end of the redirects, each of which is checked like the first address."""
        for _ in range(self._max_redirects + 1):
            answer = self._ask(target)
            if isinstance(answer, bytes):
                return answer
            target = http_target(urljoin(target.url, answer), self._schemes, self._hosts)
        raise refused(f"{target.host} redirects more than {self._max_redirects} times")

    def _ask(self, target: Target) -> bytes | str:
        """One request: the body, or where it redirects to."""
        extensions = {"timeout": {"pool": self._deadline.left(_PassingError)}}
        # In parts, and not as the text: what another parser makes of the text need not be what was checked.
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        try:
            with self._pool.stream("GET", url, headers=_HEADERS, extensions=extensions) as response:
                return self._read(target, response)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from error

    def _read(self, target: Target, response: httpcore2.Response) -> bytes | str:
        headers = {name.lower(): value for name, value in response.headers}
        if response.status in _REDIRECTS and b"location" in headers:
            return headers[b"location"].decode("latin-1")
        if response.status in _PASSING:
            raise _PassingError(f"it answers {response.status}")
        if response.status != _OK:
            raise ItemError(Reason.FETCH_FAILED, f"{target.host} answers {response.status}")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise refused(f"{target.host} sends compressed what was asked for as it is")
        return self._body(target, headers.get(b"content-length", b""), response.iter_stream())

    def _body(self, target: Target, announced: bytes, chunks: Iterable[bytes]) -> bytes:
        too_large = ItemError(Reason.TOO_LARGE, f"{target.host} sends more than {self._max_bytes} bytes")
        if announced.isdigit() and int(announced[:20]) > self._max_bytes:
            raise too_large
        image = bytearray()
        for chunk in chunks:
            image += chunk
            if len(image) > self._max_bytes:
                raise too_large
        return bytes(image)
