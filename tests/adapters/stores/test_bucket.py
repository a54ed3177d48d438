"""What a bucket says when it does not do what is asked, and what a person is told to do about it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import obstore
import pytest

from pipeline.adapters.stores import BucketStore, StoreOptions
from pipeline.adapters.stores.faults import fault_of
from pipeline.errors import StoreAwayError, StoreChangedError, StoreError
from pipeline.rules.claims import allowed_location
from tests.services.bucket_server import bucket_server
from tests.services.processes import HOST, free_port
from tests.services.stores import SECRETS, SmallStore


def bucket_at(endpoint: str, timeout: float = 5.0) -> BucketStore:
    return BucketStore(allowed_location("s3://archives/part"), StoreOptions(s3_endpoint=endpoint), timeout=timeout)


def calls_of(store: BucketStore) -> list[Callable[[], Any]]:
    return [store.list, lambda: store.read("a"), lambda: store.open("a")]


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (403, "AccessDenied", StoreError, "credentials hold, and may list, read, write and delete"),
        (403, "InvalidAccessKeyId", StoreError, "credentials hold"),
        (401, "Unauthorized", StoreError, "credentials hold"),
        (404, "NoSuchBucket", StoreError, "bucket or container exists"),
        (404, "ContainerNotFound", StoreError, "bucket or container exists"),
        (301, "PermanentRedirect", StoreError, "another region.*archive_region"),
        (400, "AuthorizationHeaderMalformed", StoreError, "another region.*archive_region"),
        (403, "RequestTimeTooSkewed", StoreError, "clock"),
        (503, "SlowDown", StoreAwayError, "later"),
        (429, "TooManyRequests", StoreAwayError, "later"),
        (500, "InternalError", StoreAwayError, "later"),
    ],
)
def test_what_is_the_stores_fault_may_pass_and_what_is_ours_is_said(
    store: SmallStore, status: int, code: str, kind: type[StoreError], advice: str
) -> None:
    store.fault = (status, code)
    with pytest.raises(StoreError, match=f"s3://archives/part cannot read a: .*{advice}") as caught:
        bucket_at(store.endpoint).read("a")
    assert type(caught.value) is kind
    with pytest.raises(StoreError, match=advice) as caught:
        bucket_at(store.endpoint).list("model=")
    assert type(caught.value) is kind


def test_a_store_that_is_away_is_said_to_be() -> None:
    for call in calls_of(bucket_at(f"http://{HOST}:{free_port()}", timeout=2.0)):
        with pytest.raises(StoreAwayError, match="s3://archives/part cannot"):
            call()


def test_a_store_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server((HOST, 0)) as silent:
        store = bucket_at(f"http://{HOST}:{silent.getsockname()[1]}", timeout=0.5)
        for call in [*calls_of(store), lambda: store.create("a", b"x"), lambda: store.delete("a")]:
            began = time.monotonic()
            with pytest.raises(StoreAwayError):
                call()
            assert time.monotonic() - began < 20


def test_a_server_that_answers_a_byte_at_a_time_is_given_up_in_time() -> None:
    def slowly(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n" * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    stop = threading.Event()
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            server.settimeout(0.1)
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    try:
                        slowly(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(StoreAwayError):
                bucket_at(f"http://{HOST}:{server.getsockname()[1]}", timeout=0.5).read("a")
        finally:
            stop.set()
            thread.join()


def test_no_credential_is_told(store: SmallStore) -> None:
    store.fault = (403, "SignatureDoesNotMatch")
    with pytest.raises(StoreError) as caught:
        bucket_at(store.endpoint).read("a")
    assert not any(secret in str(caught.value) for secret in SECRETS.values())
    assert "\n" not in str(caught.value)


def test_a_signature_in_an_address_is_not_told_either() -> None:
    error = fault_of("Error performing GET http://h/c/a?sig=secret in 3ms - connection refused", "az://c", "read a")
    assert isinstance(error, StoreAwayError)
    assert "secret" not in str(error)


def test_a_conflict_is_no_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 409 to two who create one object at once; where neither has, it is tried again."""
    put, told = obstore.put, []

    def conflicting(*args: Any, **kwargs: Any) -> Any:
        if not told:
            told.append("conflict")
            raise obstore.exceptions.AlreadyExistsError("409 ConditionalRequestConflict")
        return put(*args, **kwargs)

    with bucket_server() as server:
        options = StoreOptions(gcs_endpoint=server.endpoint)
        store = BucketStore(allowed_location("gs://archives"), options, timeout=5.0)
        monkeypatch.setattr(obstore, "put", conflicting)
        assert store.create("a", b"ours")
        assert store.read("a") == b"ours"
        assert not store.create("a", b"theirs")


def test_an_object_that_changes_while_it_is_read_is_named() -> None:
    with bucket_server() as server:
        options = StoreOptions(gcs_endpoint=server.endpoint)
        store = BucketStore(allowed_location("gs://archives"), options, timeout=5.0)
        store.create("model=a/b.parquet", b"x" * 100)
        with store.open("model=a/b.parquet") as file:
            store.replace("model=a/b.parquet", b"y" * 100)
            with pytest.raises(
                StoreChangedError, match=r"model=a/b\.parquet in the archive gs://archives was replaced"
            ):
                file.read(10)


def test_a_name_that_no_store_takes_is_refused_before_it_is_asked() -> None:
    with pytest.raises(StoreError, match="longer name"):
        bucket_at(f"http://{HOST}:1").create("a/" * 600 + "a", b"")


def test_a_client_that_breaks_is_a_store_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def broken(*_: object, **__: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(obstore, "get", broken)
    with pytest.raises(StoreError, match="the client broke"):
        bucket_at(f"http://{HOST}:1").read("a")
