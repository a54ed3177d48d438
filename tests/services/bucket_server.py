"""A bucket on loopback that speaks as Google's XML interface does: conditions, ranges, pages of a listing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.services.processes import HOST

STAMP = "2026-10-21T07:28:00.000Z"
PAGE = 3
"""Objects of a page of a listing: few, so that a test sees several pages."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BucketServer

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        bucket = self.server
        if bucket.read_only:
            return self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        with bucket.lock:
            held = bucket.objects.get(self._key)
            wanted = self.headers.get("x-goog-if-generation-match")
            if wanted is not None and int(wanted) != (held[1] if held else 0):
                return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            bucket.generations += 1
            bucket.objects[self._key] = (body, bucket.generations)
            return self._answer(200, b"", bucket.generations)

    def do_DELETE(self) -> None:
        found = self.server.objects.pop(self._key, None)
        self._answer(204 if found else 404, b"" if found else b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self._key == "":
            return self._list()
        found = self.server.objects.get(self._key)
        if found is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        data, generation = found
        if self.headers.get("If-Match", _etag(generation)) != _etag(generation):
            return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>", generation)
        if "Range" not in self.headers:
            return self._answer(200, data, generation)
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        end = min(int(last) + 1, len(data))
        return self._answer(206, data[int(first) : end], generation, f"bytes {first}-{end - 1}/{len(data)}")

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path.removeprefix("/").partition("/")[2])

    def _list(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
        entries: dict[str, str] = {}
        for key, (data, generation) in sorted(self.server.objects.items()):
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                folder = prefix + rest.partition(delimiter)[0] + delimiter
                entries[folder] = f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            else:
                entries[key] = (
                    f"<Contents><Key>{escape(key)}</Key><LastModified>{STAMP}</LastModified>"
                    f"<ETag>{escape(_etag(generation))}</ETag><Size>{len(data)}</Size></Contents>"
                )
        names = [name for name in entries if name > asked.get("continuation-token", "")]
        more = f"<NextContinuationToken>{escape(names[PAGE - 1])}</NextContinuationToken>" if names[PAGE:] else ""
        listed = "".join(entries[name] for name in names[:PAGE])
        self._answer(200, f"<ListBucketResult>{listed}{more}</ListBucketResult>".encode())

    def _answer(self, status: int, body: bytes, generation: int | None = None, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if generation is not None:
            self.send_header("ETag", _etag(generation))
            self.send_header("x-goog-generation", str(generation))
            self.send_header("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle(self) -> None:
        with suppress(OSError):  # a client that has seen enough
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nothing of it belongs on the output of the tests."""


class BucketServer(ThreadingHTTPServer):
    """One bucket of any name. It checks no signature."""

    daemon_threads = True
    request_queue_size = 64  # a client whose connection is not taken at once waits a second

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answers)
        self.objects: dict[str, tuple[bytes, int]] = {}
        self.generations = 0
        self.read_only = False
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """A `BucketServer`, empty."""
    with BucketServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _etag(generation: int) -> str:
    return f'"generation-{generation}"'
