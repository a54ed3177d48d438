"""Object stores on loopback: S3 by moto's server, and a small one that answers GET as Google's and Azure's do."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.services.processes import HOST, free_port

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-is-never-shown",
    "AZURE_STORAGE_ACCOUNT_KEY": "YS1zZWNyZXQtdGhhdC1pcy1uZXZlci1zaG93bg==",
}
_GOOGLE = {"private_key": "none", "private_key_id": "none", "client_email": "a@b.example", "disable_oauth": True}
CREDENTIALS = {
    **SECRETS,
    "AWS_ACCESS_KEY_ID": "a-key-id",
    "GOOGLE_SKIP_SIGNATURE": "true",  # which goes for reading alone
    "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(_GOOGLE),
    "NO_PROXY": HOST,
}
"""What the environment of a worker holds in production. Without any, the library asks a cloud's metadata service."""


class S3:
    """A server that speaks S3. Its objects outlast a `stop`, and it comes back at the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: Any = None

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address=HOST, port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def reset(self) -> None:
        """Forget everything. What servers of this process hold is one and the same."""
        self._ask("POST", "/moto-api/reset", b"")

    def make_bucket(self, bucket: str) -> None:
        self._ask("PUT", f"/{bucket}", b"")

    def put(self, bucket: str, key: str, image: bytes) -> None:
        self._ask("PUT", f"/{bucket}/{quote(key)}", image)

    def _ask(self, method: str, path: str, body: bytes) -> None:
        connection = HTTPConnection(HOST, self.port, timeout=20)
        credential = (
            "AWS4-HMAC-SHA256 Credential=id/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        )
        connection.request(method, path, body, {"Authorization": credential})
        status = connection.getresponse().status
        connection.close()
        assert status == 200, f"{method} {path}: {status}"


def enter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the credentials in this process's environment, and nothing else that stores' clients look at."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@contextmanager
def s3_server() -> Iterator[S3]:
    """S3 on loopback, empty."""
    server = S3()
    server.start()
    server.reset()
    try:
        yield server
    finally:
        server.stop()


class _Objects(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SmallStore

    def do_GET(self) -> None:
        image = self.server.objects.get(unquote(self.path.partition("?")[0]))
        if self.server.fault is not None:
            status, code = self.server.fault
            self._answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode())
        elif image is None:
            self._answer(404, f"<?xml version='1.0'?><Error><Code>{self.server.absent}</Code></Error>".encode())
        else:
            self._answer(200, image)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"an-etag"')
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with suppress(OSError):  # a client that has seen enough
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nothing of it belongs on the output of the tests."""


class SmallStore(ThreadingHTTPServer):
    """Objects by path, with the headers and the errors in XML that a client of any of these stores looks for.

    It checks no signature, and knows nothing but GET. `fault` is what it answers to everything: a status and a code.
    """

    daemon_threads = True
    request_queue_size = 64  # a client whose connection is not taken at once waits a second

    def __init__(self, absent: str = "NoSuchKey") -> None:
        super().__init__((HOST, 0), _Objects)
        self.objects: dict[str, bytes] = {}
        self.fault: tuple[int, str] | None = None
        self.absent = absent

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


@contextmanager
def small_store(absent: str = "NoSuchKey") -> Iterator[SmallStore]:
    """A `SmallStore` on loopback, empty; `absent` is its code for an object that is not there."""
    with SmallStore(absent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
