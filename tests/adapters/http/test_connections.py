"""No claim is given what a connection brings for another: servers that say more, or less, than they were asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from hashlib import sha256

import pytest

from pipeline.adapters.http import HttpFetcher
from pipeline.errors import ItemError, Reason
from pipeline.wire import Claim
from tests.adapters.raw_server import RawServer, answer, image_of


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    with ExitStack() as ending:
        yield lambda reply, **more: ending.enter_context(closing(RawServer(reply, **more)))


@pytest.fixture
def fetch() -> Iterator[Callable[..., bytes]]:
    """Fetch a path through one fetcher, by its hash or without one."""
    with ExitStack() as ending:
        made: dict[int, HttpFetcher] = {}

        def fetch(server: RawServer, path: str, *, hashed: bool, of: bytes | None = None) -> bytes:
            if server.port not in made:
                host = f"127.0.0.1:{server.port}"
                made[server.port] = ending.enter_context(
                    closing(HttpFetcher([host], allowed_schemes=("http",), allow_private=True, timeout=5.0))
                )
            digest = sha256(image_of(path) if of is None else of).hexdigest() if hashed else None
            return made[server.port].fetch(Claim(f"http://127.0.0.1:{server.port}{path}", sha256=digest))

        yield fetch


EXTRAS = {
    "a second image": answer(b"somebody else's image"),
    "a 404": answer(b"", "404 Not Found"),
    "a redirect": answer(b"", "302 Found", "Location: /elsewhere"),
    "something compressed": answer(b"zip", "200 OK", "Content-Encoding: gzip"),
    "a passing failure": answer(b"", "503 Service Unavailable"),
    "rubbish": b"\x00\xff rubbish\r\n\r\n",
    "more than was announced": b"more",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\nsomebody",
}


@pytest.mark.parametrize("extra", EXTRAS, ids=str)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("hashed", [True, False], ids=["hashed", "not hashed"])
def test_what_a_server_sends_beyond_its_answer_reaches_no_other_claim(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes], extra: str, late: bool, hashed: bool
) -> None:
    """At once: with the answer itself. Late: after the next request is under way, which no client can see coming."""

    def reply(path: str, before: int) -> bytes:
        image = answer(image_of(path))
        if late:
            return EXTRAS[extra] + image if before == 1 else image
        return image + EXTRAS[extra] if before == 0 else image

    server = serve(reply)
    for path in ("/1", "/2", "/3", "/4"):
        assert fetch(server, path, hashed=hashed) == image_of(path)


def test_a_claim_without_a_hash_has_a_connection_to_itself(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes]
) -> None:
    server = serve(lambda path, _: answer(image_of(path)))
    for path, hashed in (("/1", True), ("/2", False), ("/3", True), ("/4", False)):
        assert fetch(server, path, hashed=hashed) == image_of(path)
    assert server.connections == [["/1", "/3"], ["/2"], ["/4"]]


def test_a_claim_whose_own_answer_is_wrong_is_asked_for_again_only_where_the_connection_was_used_before(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes]
) -> None:
    server = serve(lambda path, _: answer(image_of(path)))
    with pytest.raises(ItemError) as caught:
        fetch(server, "/1", hashed=True, of=b"another")
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    assert server.connections == [["/1"]]
    with pytest.raises(ItemError) as caught:
        fetch(server, "/2", hashed=True, of=b"another")
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    assert server.connections == [["/1", "/2"], ["/2"]]


@pytest.mark.parametrize("hashed", [True, False], ids=["hashed", "not hashed"])
def test_an_answer_that_comes_before_its_request_is_given_to_nobody_who_knows_a_hash(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes], hashed: bool
) -> None:
    """Without a hash it is what this server says, and is given to the claim that opened the connection alone."""
    server = serve(lambda path, _: answer(image_of(path)), greeting=answer(b"a greeting"))
    if hashed:
        with pytest.raises(ItemError) as caught:
            fetch(server, "/1", hashed=True)
        assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    else:
        assert fetch(server, "/1", hashed=False) == b"a greeting"
    assert len(server.connections) == 1


@pytest.mark.parametrize("hashed", [True, False], ids=["hashed", "not hashed"])
def test_answers_of_unusual_shape_are_read_as_http_says(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes], hashed: bool
) -> None:
    """Provisional answers by the hundred, and chunks with extensions and trailers."""

    def reply(path: str, _: int) -> bytes:
        image = image_of(path)
        if path.startswith("/provisional"):
            return b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 300 + answer(image)
        chunk = f"{len(image):x};signed=yes\r\n".encode() + image
        return (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
            + chunk
            + b"\r\n0\r\nX: 200\r\nContent-Length: 9\r\n\r\n"
        )

    server = serve(reply)
    for path in ("/provisional/1", "/chunked/2", "/provisional/3", "/chunked/4"):
        assert fetch(server, path, hashed=hashed) == image_of(path)


def test_a_body_behind_an_answer_that_has_none_is_no_answer(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes]
) -> None:
    """A 204 and a 304 end at their headers; what is behind them must not be the next answer."""
    hidden = answer(b"somebody else's image")
    server = serve(
        lambda path, _: b"HTTP/1.1 204 No Content\r\n\r\n" + hidden if path == "/none" else answer(image_of(path))
    )
    for hashed in (True, False):
        with pytest.raises(ItemError) as caught:
            fetch(server, "/none", hashed=hashed)
        assert caught.value.reason is Reason.FETCH_FAILED
        assert fetch(server, "/next", hashed=hashed) == image_of("/next")


def test_provisional_answers_without_end_are_cut_off(
    serve: Callable[..., RawServer], fetch: Callable[..., bytes]
) -> None:
    """Nothing but 100 Continue: the fetch is over when its time is, or when the server has had enough."""
    server = serve(lambda *_: b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + answer(b"", "400 Bad Request"))
    with pytest.raises(ItemError) as caught:
        fetch(server, "/1", hashed=True)
    assert caught.value.reason is Reason.FETCH_FAILED
