"""Claim checks are fetched from where they may come from, and from nowhere else: against a real HTTP server."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.http.addresses import Hosts, http_target
from pipeline.errors import ItemError, Reason
from pipeline.wire import Claim

IMAGE = b"\x89PNG" + bytes(1000)


class Server(ThreadingHTTPServer):
    """Answers by path; counts what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        what, _, argument = self.path.strip("/").partition("/")
        getattr(self, f"_{what.partition('?')[0]}")(argument)

    def _image(self, _: str) -> None:
        self._answer(200, IMAGE)

    def _status(self, argument: str) -> None:
        self._answer(int(argument), b"sorry")

    def _flaky(self, argument: str) -> None:
        self._answer(503 if len(self.server.asked) < int(argument) else 200, IMAGE)

    def _redirect(self, argument: str) -> None:
        self._answer(302, b"", ("Location", argument))

    def _loop(self, _: str) -> None:
        self._answer(302, b"", ("Location", "/loop"))

    def _coded(self, argument: str) -> None:
        """Named so by a header for each part."""
        codings = argument.replace("%20", " ").split("|")
        self._answer(200, IMAGE, *(("Content-Encoding", coding) for coding in codings))

    def _endless(self, _: str) -> None:
        """No length, and no end."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self._write(lambda: bytes(65_536), 0)

    def _drip(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self._write(lambda: b"x", 0.05)

    def _slowheader(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._write(lambda: b"x", 0.05)

    def _cut(self, _: str) -> None:
        """Announces more than it sends."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def _write(self, what: Callable[[], bytes], rest: float) -> None:
        try:
            while True:
                self.wfile.write(what())
                time.sleep(rest)
        except OSError:
            self.close_connection = True

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


_made = ExitStack()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """The fetchers that a test makes are closed with it."""
    with _made:
        yield


def closing_fetcher(hosts: Sequence[str], **settings: Any) -> HttpFetcher:
    return _made.enter_context(closing(HttpFetcher(hosts, **settings)))


def fetcher(server: Server, **settings: Any) -> HttpFetcher:
    chosen = {"allowed_schemes": ("http", "https"), "allow_private": True, "timeout": 2.0, **settings}
    return closing_fetcher([server.at], **chosen)


def refusal(made: HttpFetcher, uri: str, **claim: Any) -> ItemError:
    with pytest.raises(ItemError) as caught:
        made.fetch(Claim(uri, **claim))
    return caught.value


def test_an_image_is_fetched_and_its_checksum_holds(server: Server) -> None:
    claim = Claim(f"http://{server.at}/image/a.png?v=1#there", sha256=sha256(IMAGE).hexdigest().upper())
    assert fetcher(server).fetch(claim) == IMAGE
    assert server.asked == ["/image/a.png?v=1"]
    assert server.headers[0]["accept-encoding"] == "identity"


def test_a_wrong_checksum_is_named_with_the_host(server: Server) -> None:
    error = refusal(fetcher(server), f"http://{server.at}/image", sha256="0" * 64)
    assert error.reason is Reason.CHECKSUM_MISMATCH
    assert "127.0.0.1" in str(error)


def test_without_allowed_hosts_everything_is_refused_and_the_setting_is_named(server: Server) -> None:
    error = refusal(closing_fetcher(()), "https://example.com/a.png")
    assert error.reason is Reason.FETCH_REFUSED
    assert "fetch_allowed_hosts" in str(error)


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/",
        "http://allowed.example/",  # the scheme is not allowed
        "ftp://allowed.example/",
        "file:///etc/passwd",
        "https://allowed.example.evil.example/",
        "https://evil.example/?https://allowed.example/",
        "https://evil.example#@allowed.example/",
        "https://allowed.example@evil.example/",
        "https://user:secret@allowed.example/",
        "https://allowed.example:8443/",
        "https://allowed.example\\@evil.example/",
        "https://allowed.example\n.evil.example/",
        "https:///nothing",
        "https://[::1/",
        "https://allowed.example:99999/",
        "https://allowed.example:0/",
        "https://a..below.example/",
        "https://.below.example/",
        f"https://{'a' * 64}.below.example/",
        f"https://{'a.' * 122}below.example/",
        "//allowed.example/",
        "allowed.example",
        "",
        "https://аllowed.example/",  # noqa: RUF001 - a Cyrillic a
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_asked(uri: str) -> None:
    error = refusal(closing_fetcher(["allowed.example", "*.below.example"]), uri)
    assert error.reason is Reason.FETCH_REFUSED
    assert "secret" not in str(error)


@given(st.text(max_size=60))
def test_any_text_as_an_address_is_refused_or_allowed_and_nothing_else(text: str) -> None:
    for uri in (text, "https://" + text, "https://allowed.example" + text):
        try:
            target = http_target(uri, ("https",), Hosts(("allowed.example",)))
        except ItemError as error:
            assert error.reason is Reason.FETCH_REFUSED  # noqa: PT017 - either is fine
        else:
            assert (target.scheme, target.host, target.port) == ("https", "allowed.example", 443)


def test_a_pattern_allows_what_is_below_the_domain_and_not_the_domain() -> None:
    hosts = Hosts(("*.example.com", "store.internal:9000", "PLAIN.example"))
    assert hosts.allow("cdn.example.com", 443, "https")
    assert hosts.allow("a.b.example.com", 80, "http")
    assert not hosts.allow("example.com", 443, "https")
    assert not hosts.allow("badexample.com", 443, "https")
    assert not hosts.allow("cdn.example.com", 8443, "https")
    assert hosts.allow("store.internal", 9000, "http")
    assert not hosts.allow("store.internal", 80, "http")
    assert hosts.allow("plain.example", 443, "https")
    assert not Hosts(("", "*", "*.")).allow("example.com", 443, "https")


def test_an_allowed_name_that_leads_to_a_private_address_is_refused(server: Server) -> None:
    """The name is on the list; what it stands for is not on the internet."""
    at = f"localhost:{server.server_address[1]}"
    error = refusal(closing_fetcher([at], allowed_schemes=("http",)), f"http://{at}/image")
    assert error.reason is Reason.FETCH_REFUSED
    assert "not a public address" in str(error)
    assert server.asked == []


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (at, 443)) for at in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    error = refusal(closing_fetcher(["two.example"]), "https://two.example/")
    assert "10.0.0.1" in str(error)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data", "http://evil.example/", "file:///etc/x"]
)
def test_a_redirect_is_checked_like_the_first_address(server: Server, target: str) -> None:
    error = refusal(fetcher(server), f"http://{server.at}/redirect/{target}")
    assert error.reason is Reason.FETCH_REFUSED


def test_a_redirect_to_an_allowed_name_at_a_private_address_is_refused(server: Server) -> None:
    """Checked at every connection, not only at the first."""
    port = server.server_address[1]
    made = closing_fetcher(
        [server.at, f"localhost:{port}"], allowed_schemes=("http",), allow_private=True, timeout=2.0
    )
    assert made.fetch(Claim(f"http://{server.at}/redirect/http://localhost:{port}/image")) == IMAGE
    made._pool._network_backend._allow_private = False
    made.close()
    assert refusal(made, f"http://localhost:{port}/image").reason is Reason.FETCH_REFUSED


def test_redirects_are_followed_within_the_host_and_counted(server: Server) -> None:
    assert fetcher(server).fetch(Claim(f"http://{server.at}/redirect//image")) == IMAGE
    error = refusal(fetcher(server), f"http://{server.at}/loop")
    assert error.reason is Reason.FETCH_REFUSED
    assert "more than 3" in str(error)


def test_an_announced_excess_is_refused_unread_and_a_silent_one_is_cut_off(server: Server) -> None:
    made = fetcher(server, max_bytes=500)
    started = time.monotonic()
    assert refusal(made, f"http://{server.at}/image").reason is Reason.TOO_LARGE
    assert refusal(made, f"http://{server.at}/endless").reason is Reason.TOO_LARGE
    assert time.monotonic() - started < 10
    assert fetcher(server, max_bytes=len(IMAGE)).fetch(Claim(f"http://{server.at}/image")) == IMAGE


@pytest.mark.parametrize("path", ["drip", "slowheader"])
def test_a_server_that_drips_is_cut_off_in_time(server: Server, path: str) -> None:
    """Every read brings a byte; only the time of the whole fetch is over."""
    started = time.monotonic()
    error = refusal(fetcher(server, timeout=0.6), f"http://{server.at}/{path}")
    assert error.reason is Reason.FETCH_FAILED
    assert time.monotonic() - started < 10


def test_what_may_pass_is_tried_again(server: Server) -> None:
    assert fetcher(server, timeout=5.0).fetch(Claim(f"http://{server.at}/flaky/3")) == IMAGE
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "asked"), [(500, 3), (429, 3), (404, 1), (403, 1), (204, 1)])
def test_a_status_that_stays_is_a_failure_that_names_host_and_status(server: Server, status: int, asked: int) -> None:
    error = refusal(fetcher(server, timeout=5.0), f"http://{server.at}/status/{status}")
    assert error.reason is Reason.FETCH_FAILED
    assert "127.0.0.1" in str(error)
    assert str(status) in str(error)
    assert len(server.asked) == asked


def test_an_answer_that_breaks_off_is_a_failure(server: Server) -> None:
    error = refusal(fetcher(server, timeout=5.0), f"http://{server.at}/cut")
    assert error.reason is Reason.FETCH_FAILED


@pytest.mark.parametrize(
    "codings", ["gzip", "GZIP", "br", "deflate, aws-chunked", "aws-chunked,gzip", "identity|gzip", "gzip|identity"]
)
def test_a_compressed_answer_is_refused_wherever_its_headers_say_so(server: Server, codings: str) -> None:
    assert refusal(fetcher(server), f"http://{server.at}/coded/{codings}").reason is Reason.FETCH_REFUSED


@pytest.mark.parametrize(
    "codings",
    ["", "aws-chunked", "aws-chunked,", "AWS-Chunked", "identity", " , identity ,", "aws-chunked|identity", "|"],
)
def test_plain_bytes_are_taken_whatever_a_store_calls_them(server: Server, codings: str) -> None:
    """S3 keeps how an upload was coded, and sends that back with the bytes as they are."""
    assert fetcher(server).fetch(Claim(f"http://{server.at}/coded/{codings.replace(' ', '%20')}")) == IMAGE


def test_nobody_listening_and_no_such_name_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"allowed_schemes": ("http",), "allow_private": True, "timeout": 3.0}
    error = refusal(closing_fetcher(["127.0.0.1:9"], **here), "http://127.0.0.1:9/a.png")
    assert error.reason is Reason.FETCH_FAILED
    assert "127.0.0.1" in str(error)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refusal(closing_fetcher(["nobody.example"], **here), "http://nobody.example/a.png")
    assert error.reason is Reason.FETCH_FAILED
    assert "nobody.example" in str(error)


def test_a_proxy_in_the_environment_is_not_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetcher(server).fetch(Claim(f"http://{server.at}/image")) == IMAGE


def test_many_threads_share_one_fetcher(server: Server) -> None:
    made = fetcher(server, timeout=10.0)
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda _: made.fetch(Claim(f"http://{server.at}/image")), range(64)))
    assert images == [IMAGE] * 64


def test_tls_is_checked_against_the_name(server: Server, certificate: Any) -> None:
    """The pinned address does not weaken TLS: a certificate nobody vouches for is a failure, a known one is fine."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate.both)
    server.socket = serving.wrap_socket(server.socket, server_side=True)
    at = f"localhost:{server.server_address[1]}"
    settings: dict[str, Any] = {"allow_private": True, "timeout": 5.0}
    assert refusal(closing_fetcher([at], **settings), f"https://{at}/image").reason is Reason.FETCH_FAILED
    trusting = ssl.create_default_context(cafile=str(certificate.cert))
    assert closing_fetcher([at], ssl_context=trusting, **settings).fetch(Claim(f"https://{at}/image")) == IMAGE


def test_a_store_is_asked_at_an_address_of_version_6() -> None:
    class Server6(Server):
        address_family = socket.AF_INET6

        def __init__(self) -> None:
            ThreadingHTTPServer.__init__(self, ("::1", 0), Handler)
            self.asked, self.headers = [], []

    try:
        made = Server6()
    except OSError:
        pytest.skip("this machine has no ::1")
    with made as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        at = f"[::1]:{server.server_address[1]}"
        asking = closing_fetcher([at], allowed_schemes=("http",), allow_private=True, timeout=5.0)
        assert asking.fetch(Claim(f"http://{at}/image")) == IMAGE
        assert [each["host"] for each in server.headers] == [at]
        server.shutdown()
