"""What object stores say and do, on loopback: faults that may pass, faults of one object, and what is never read."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import obstore
import pytest

from pipeline.adapters.stores import StoreFetcher, StoreOptions
from pipeline.errors import ItemError, Reason, RetryError, ServiceError
from pipeline.rules.claims import allowed_location
from pipeline.rules.flow.denials import MOST
from pipeline.wire import Claim
from tests.adapters.raw_server import RawServer, answer, image_of
from tests.services.certificates import make_certificate
from tests.services.processes import python
from tests.services.stores import SECRETS, SmallStore

Serve = Callable[..., RawServer]
At = Callable[..., StoreFetcher]
STAMPS = ('ETag: "an-etag"', "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT")


def port_of(store: SmallStore) -> int:
    return store.server_address[1]


def refusal(fetcher: StoreFetcher, uri: str, digest: str | None = None) -> ItemError:
    with pytest.raises(ItemError) as caught:
        fetcher.fetch(Claim(uri, sha256=digest))
    return caught.value


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "InternalError"),
        (503, "SlowDown"),
        (429, "TooManyRequests"),
        (401, "Unauthorized"),
        (400, "ExpiredToken"),
        (400, "RequestTimeout"),
        (400, "AuthorizationHeaderMalformed"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (403, "RequestTimeTooSkewed"),
        (403, "AuthenticationFailed"),
        (404, "NoSuchBucket"),
        (404, "ContainerNotFound"),
        (409, "PublicAccessNotPermitted"),
        (301, "PermanentRedirect"),
    ],
)
def test_what_is_the_stores_fault_or_our_credentials_is_waited_for(
    store: SmallStore, s3_at: At, status: int, code: str
) -> None:
    """Even where the store has given images before: a role that loses its rights must not dead-letter a million."""
    store.objects["/images/a"] = b"an image"
    fetcher = s3_at(port_of(store))
    assert fetcher.fetch(Claim("s3://images/a")) == b"an image"
    store.fault = (status, code)
    for _ in range(3):
        error = refusal(fetcher, "s3://images/a")
        assert (type(error), error.reason) == (RetryError, Reason.FETCH_FAILED)
        assert "s3://images" in str(error)
    store.fault = None
    assert fetcher.fetch(Claim("s3://images/a")) == b"an image"


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (403, "InvalidObjectState"), (400, "KeyTooLong")]
)
def test_a_refusal_is_the_objects_own_in_a_store_that_gives_others(
    store: SmallStore, s3_at: At, status: int, code: str
) -> None:
    store.objects["/images/a"] = b"an image"
    fetcher = s3_at(port_of(store))
    for _ in range(2):
        store.fault = None
        assert fetcher.fetch(Claim("s3://images/a")) == b"an image"
        store.fault = (status, code)
        for _ in range(MOST):
            error = refusal(fetcher, "s3://images/b")
            assert (type(error), error.reason) == (ItemError, Reason.FETCH_FAILED)
        assert f"s3://images answers {status} {code}" in str(error)
    assert type(refusal(fetcher, "s3://images/b")) is RetryError, "it refuses everything by now"


def test_a_store_that_has_only_ever_refused_is_waited_for_and_what_to_look_at_is_said(
    store: SmallStore, s3_at: At
) -> None:
    store.fault = (403, "AccessDenied")
    error = refusal(s3_at(port_of(store)), "s3://images/a")
    assert type(error) is RetryError
    assert "see that the credentials may read" in str(error)


def test_nobody_listening_a_cut_and_a_silence_are_waited_for(serve: Serve, s3_at: At) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    cut = serve(
        lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n" + "\r\n".join(STAMPS).encode() + b"\r\n\r\nhalf"
    )
    silent = serve(lambda *_: b"")
    rubbish = serve(lambda *_: b"\x00\xff\r\n\r\n")
    for each in (port, cut.port, silent.port, rubbish.port):
        started = time.monotonic()
        error = refusal(s3_at(each, timeout=1.0), "s3://images/a")
        assert (type(error), error.reason) == (RetryError, Reason.FETCH_FAILED)
        assert time.monotonic() - started < 30


def test_an_object_that_is_too_large_is_refused_by_its_size_and_not_read(serve: Serve, s3_at: At) -> None:
    """10 GB are announced and never come: whoever waited for them would say that the time is over."""
    head = ["HTTP/1.1 200 OK", "Content-Length: 10000000000", *STAMPS, "", ""]
    server = serve(lambda *_: "\r\n".join(head).encode())
    for digest in (None, "0" * 64):
        error = refusal(s3_at(server.port, timeout=60.0), "s3://images/huge", digest)
        assert (type(error), error.reason) == (ItemError, Reason.TOO_LARGE)


@pytest.mark.parametrize("coding", ["aws-chunked", "", "AWS-chunked,", "identity"])
def test_plain_bytes_are_taken_whatever_they_are_stored_as(serve: Serve, s3_at: At, coding: str) -> None:
    server = serve(lambda path, _: answer(image_of(path), "200 OK", *STAMPS, f"Content-Encoding: {coding}"))
    assert s3_at(server.port).fetch(Claim("s3://images/a")) == image_of("/images/a")


def test_compressed_bytes_are_refused(serve: Serve, s3_at: At) -> None:
    server = serve(lambda path, _: answer(image_of(path), "200 OK", *STAMPS, "Content-Encoding: gzip"))
    assert refusal(s3_at(server.port), "s3://images/a").reason is Reason.FETCH_REFUSED


def test_claims_share_a_connection_as_far_as_hashes_tell_their_images_apart(serve: Serve, s3_at: At) -> None:
    server = serve(lambda path, _: answer(image_of(path), "200 OK", *STAMPS))
    fetcher = s3_at(server.port)
    for key, hashed in (("1", True), ("2", False), ("3", True), ("4", False)):
        image = image_of(f"/images/{key}")
        digest = sha256(image).hexdigest() if hashed else None
        assert fetcher.fetch(Claim(f"s3://images/{key}", sha256=digest)) == image
    assert server.connections == [["/images/1", "/images/3"], ["/images/2"], ["/images/4"]]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("hashed", [True, False], ids=["hashed", "not hashed"])
def test_a_second_answer_reaches_no_other_claim(serve: Serve, s3_at: At, late: bool, hashed: bool) -> None:
    extra = answer(b"somebody else's image", "200 OK", *STAMPS)

    def reply(path: str, before: int) -> bytes:
        image = answer(image_of(path), "200 OK", *STAMPS)
        if late:
            return extra + image if before == 1 else image
        return image + extra if before == 0 else image

    fetcher = s3_at(serve(reply).port)
    for key in "1234":
        image = image_of(f"/images/{key}")
        assert (
            fetcher.fetch(Claim(f"s3://images/{key}", sha256=sha256(image).hexdigest() if hashed else None)) == image
        )


@pytest.mark.parametrize(
    "uri",
    [
        "s3://images/uploads-of-others/a.png",
        "s3://images/upload/a.png",
        "s3://images/a.png",
        "s3://images/uploads",
        "s3://images/uploads/",
        "s3://images/uploads/../private/a.png",
        "s3://images/uploads/./a.png",
        "s3://images/uploads//a.png",
        "s3://images//uploads/a.png",
        "s3://Images/uploads/a.png",
        "s3://images.evil.example/uploads/a.png",
        "s3://user:secret@images/uploads/a.png",
        "s3://images:443/uploads/a.png",
        "s3://images%2Fuploads/a.png",
        "s3:///uploads/a.png",
        "s3:images/uploads/a.png",
        "s3://images/uploads/a\n.png",
        "s3://images/uploads/" + "a" * 1100,
        "gs://images/uploads/a.png",
    ],
)
def test_what_is_not_below_an_allowed_prefix_is_refused_unasked(serve: Serve, s3_at: At, uri: str) -> None:
    server = serve(lambda *_: answer(b"never"))
    error = refusal(s3_at(server.port, "s3://images/uploads"), uri)
    assert (type(error), error.reason) == (ItemError, Reason.FETCH_REFUSED)
    assert "secret" not in str(error)
    assert server.connections == []


def test_a_percent_sign_in_a_key_is_a_percent_sign(serve: Serve, s3_at: At) -> None:
    """As with every tool of these stores; what looks like an encoded slash or dot is none."""
    server = serve(lambda path, _: answer(path.encode(), "200 OK", *STAMPS))
    asked = s3_at(server.port, "s3://images/uploads").fetch(Claim("s3://images/uploads/%2e%2e/%2fa b"))
    assert asked == b"/images/uploads/%252e%252e/%252fa%20b"


def test_no_secret_is_told_when_a_store_fails(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Azure signature stands in the address that the library says it has asked."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_KEY", "sv=2023&sig=a-signature-that-is-never-shown")
    for reply in (lambda *_: answer(b"", "500 Oops"), lambda *_: b"\x00"):
        server = serve(reply)
        options = StoreOptions(azure_account="account", azure_endpoint=f"http://127.0.0.1:{server.port}/account")
        fetcher = StoreFetcher([allowed_location("az://images")], options, timeout=2.0)
        told = str(refusal(fetcher, "az://images/a"))
        assert "signature" not in told
        assert "\n" not in told
        assert "sig=a-signature" in str(server.connections), "the signature was asked with"


def test_no_credential_is_told_either(store: SmallStore, s3_at: At) -> None:
    store.fault = (403, "SignatureDoesNotMatch")
    told = str(refusal(s3_at(port_of(store)), "s3://images/a"))
    assert not any(secret in told for secret in SECRETS.values())


def test_a_client_that_breaks_costs_one_claim(store: SmallStore, s3_at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Rust code raises when it panics is no `Exception`, and would end the thread that asked."""

    class PanicException(BaseException):
        pass

    def broken(*_: object) -> None:
        raise PanicException("index out of bounds")

    fetcher = s3_at(port_of(store))
    monkeypatch.setattr(obstore, "get", broken)
    assert refusal(fetcher, "s3://images/a").reason is Reason.STAGE_FAILED


def test_what_cannot_be_set_up_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    with pytest.raises(ServiceError, match="az://images cannot be set up"):
        StoreFetcher([allowed_location("az://images")], StoreOptions())


def test_a_certificate_is_trusted_where_it_is_named(certificate: Any, tmp_path: Path, s3_at: At) -> None:
    """TLS is checked: a certificate nobody vouches for is a store that cannot be asked, a known one is fine."""
    certificate = make_certificate(tmp_path, authority=False)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate.both)
    with SmallStore() as server:
        server.socket = serving.wrap_socket(server.socket, server_side=True)
        server.objects["/images/a"] = b"an image"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            unknown = s3_at(port_of(server), scheme="https", timeout=3.0)
            assert type(refusal(unknown, "s3://images/a")) is RetryError
            known = s3_at(port_of(server), scheme="https", certificates=certificate.cert.read_bytes())
            assert known.fetch(Claim("s3://images/a")) == b"an image"
        finally:
            server.shutdown()
            thread.join()


def test_a_worker_that_allows_no_store_does_not_load_the_library() -> None:
    code = (
        "import sys; from workers import assembly; from workers.settings import load_settings;"
        "assembly.claim_fetcher(load_settings({'fetch_allowed_stores': 'file:///srv'})).close();"
        "sys.exit('obstore' in sys.modules)"
    )
    assert subprocess.run(python("-c", code), check=False).returncode == 0
