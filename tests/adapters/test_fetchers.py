"""One contract of all fetchers: the twin, hosts, S3 by moto, Google and Azure by a small server, and folders."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pytest

from pipeline.adapters.by_scheme import ClosableFetcher
from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.local.folders import FolderFetcher
from pipeline.adapters.memory import MemoryFetcher
from pipeline.adapters.stores import StoreFetcher, StoreOptions
from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.claims import allowed_location
from pipeline.wire import Claim
from tests.services import stores
from tests.services.stores import S3, SmallStore, s3_server, small_store

IMAGE = b"\x89PNG" + bytes(range(256)) * 40
ODD = "2026/with blank+plus%20&=~('ü').png"
TIMEOUT = 5.0


class Shelf(Protocol):
    """A place with images, and a fetcher that may go there and nowhere else."""

    fetcher: ClosableFetcher
    elsewhere: str

    def put(self, name: str, image: bytes) -> str:
        """Put an image there, and say what a claim check calls it."""

    def leave(self) -> None:
        """From now on nothing answers there."""

    def come_back(self) -> None:
        """Be there as before."""


class MemoryShelf:
    elsewhere = "https://elsewhere.example/a.png"

    def __init__(self, most: int, _: ExitStack, __: Path) -> None:
        self.fetcher = MemoryFetcher(["store.example"], max_bytes=most)

    def put(self, name: str, image: bytes) -> str:
        uri = f"https://store.example/{quote(name)}"
        self.fetcher.images[uri] = image
        return uri

    def leave(self) -> None:
        self.fetcher.away.add("store.example")

    def come_back(self) -> None:
        self.fetcher.away.clear()


class ServerShelf:
    """Behind a `SmallStore`, which stops answering by answering 503."""

    def __init__(self, server: SmallStore, path: str, scheme: str) -> None:
        self._server = server
        self._path = path
        self._scheme = scheme

    def put(self, name: str, image: bytes) -> str:
        self._server.objects[f"{self._path}/{name}"] = image
        return f"{self._scheme}://images/{name}"

    def leave(self) -> None:
        self._server.fault = (503, "SlowDown")

    def come_back(self) -> None:
        self._server.fault = None


class HttpShelf(ServerShelf):
    def __init__(self, most: int, ending: ExitStack, _: Path) -> None:
        server = ending.enter_context(small_store())
        super().__init__(server, "/images", "http")
        host = server.endpoint.partition("://")[2]
        self.elsewhere = f"http://localhost:{host.rpartition(':')[2]}/images/a.png"
        self.fetcher = HttpFetcher(
            [host], allowed_schemes=("http",), allow_private=True, max_bytes=most, timeout=TIMEOUT
        )

    def put(self, name: str, image: bytes) -> str:
        super().put(name, image)
        return f"{self._server.endpoint}/images/{quote(name)}"


class GoogleShelf(ServerShelf):
    elsewhere = "gs://other/a.png"

    def __init__(self, most: int, ending: ExitStack, _: Path) -> None:
        server = ending.enter_context(small_store())
        super().__init__(server, "/images", "gs")
        self.fetcher = store_fetcher("gs://images", most, gcs_endpoint=server.endpoint)


class AzureShelf(ServerShelf):
    elsewhere = "az://other/a.png"

    def __init__(self, most: int, ending: ExitStack, _: Path) -> None:
        server = ending.enter_context(small_store("BlobNotFound"))
        super().__init__(server, "/account/images", "az")
        endpoint = f"{server.endpoint}/account"
        self.fetcher = store_fetcher("az://images", most, azure_account="account", azure_endpoint=endpoint)


class S3Shelf:
    elsewhere = "s3://other/a.png"

    def __init__(self, most: int, ending: ExitStack, _: Path) -> None:
        self._server: S3 = ending.enter_context(s3_server())
        self._server.make_bucket("images")
        self._server.make_bucket("other")
        self._server.put("other", "a.png", IMAGE)
        self.fetcher = store_fetcher("s3://images", most, s3_endpoint=self._server.endpoint)

    def put(self, name: str, image: bytes) -> str:
        self._server.put("images", name, image)
        return f"s3://images/{name}"

    def leave(self) -> None:
        self._server.stop()

    def come_back(self) -> None:
        self._server.start()


class FileShelf:
    def __init__(self, most: int, _: ExitStack, folder: Path) -> None:
        self._folder = folder / "images"
        self._folder.mkdir()
        other = folder / "other.png"
        other.write_bytes(IMAGE)
        self.elsewhere = other.as_uri()
        self.fetcher = FolderFetcher([allowed_location(self._folder.as_uri())], max_bytes=most, timeout=TIMEOUT)

    def put(self, name: str, image: bytes) -> str:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
        return path.as_uri()

    def leave(self) -> None:
        """As a mount does: what is left is an empty folder."""
        self._folder.rename(self._folder.with_name("unmounted"))
        self._folder.mkdir()

    def come_back(self) -> None:
        self._folder.rmdir()
        self._folder.with_name("unmounted").rename(self._folder)


def store_fetcher(store: str, most: int, **options: Any) -> StoreFetcher:
    return StoreFetcher([allowed_location(store)], StoreOptions(**options), max_bytes=most, timeout=TIMEOUT)


SHELVES = {
    "memory": MemoryShelf,
    "http": HttpShelf,
    "s3": S3Shelf,
    "gs": GoogleShelf,
    "az": AzureShelf,
    "file": FileShelf,
}


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Takes images of as many bytes as `IMAGE` has, at most."""
    stores.enter(monkeypatch)
    with ExitStack() as ending:
        made = SHELVES[request.param](len(IMAGE), ending, tmp_path)
        with closing(made.fetcher):
            yield made


def refusal(shelf: Shelf, uri: str, digest: str | None = None) -> ItemError:
    with pytest.raises(ItemError) as caught:
        shelf.fetcher.fetch(Claim(uri, sha256=digest))
    return caught.value


@pytest.mark.parametrize("digest", [None, sha256(IMAGE).hexdigest(), sha256(IMAGE).hexdigest().upper()])
def test_an_image_is_fetched_with_a_hash_and_without(shelf: Shelf, digest: str | None) -> None:
    uri = shelf.put("a/b.png", IMAGE)
    for _ in range(3):
        assert shelf.fetcher.fetch(Claim(uri, sha256=digest)) == IMAGE


def test_a_name_with_everything_in_it_is_found_as_it_is(shelf: Shelf) -> None:
    shelf.put(ODD.replace("%20", " "), b"another")
    assert shelf.fetcher.fetch(Claim(shelf.put(ODD, IMAGE))) == IMAGE


def test_an_empty_image_is_fetched_and_left_to_the_stage_to_judge(shelf: Shelf) -> None:
    assert shelf.fetcher.fetch(Claim(shelf.put("empty.png", b""))) == b""


def test_a_wrong_hash_is_the_claims_own_fault(shelf: Shelf) -> None:
    error = refusal(shelf, shelf.put("a.png", IMAGE), "0" * 64)
    assert (type(error), error.reason) == (ItemError, Reason.CHECKSUM_MISMATCH)
    assert sha256(IMAGE).hexdigest() in str(error)


@pytest.mark.parametrize("digest", [None, "0" * 64])
def test_what_is_not_there_is_the_claims_own_fault(shelf: Shelf, digest: str | None) -> None:
    uri = shelf.put("a.png", IMAGE)
    error = refusal(shelf, uri.replace("a.png", "none.png"), digest)
    assert (type(error), error.reason) == (ItemError, Reason.FETCH_FAILED)


def test_what_is_not_allowed_is_refused(shelf: Shelf) -> None:
    error = refusal(shelf, shelf.elsewhere)
    assert (type(error), error.reason) == (ItemError, Reason.FETCH_REFUSED)


@pytest.mark.parametrize("digest", [None, sha256(IMAGE + b"1").hexdigest()])
def test_one_byte_too_many_is_too_large(shelf: Shelf, digest: str | None) -> None:
    error = refusal(shelf, shelf.put("large.png", IMAGE + b"1"), digest)
    assert (type(error), error.reason) == (ItemError, Reason.TOO_LARGE)


def test_a_store_that_is_away_is_to_be_asked_again_and_found_when_it_is_back(shelf: Shelf) -> None:
    uri = shelf.put("a.png", IMAGE)
    assert shelf.fetcher.fetch(Claim(uri)) == IMAGE
    shelf.leave()
    for digest in (None, sha256(IMAGE).hexdigest()):
        error = refusal(shelf, uri, digest)
        assert (type(error), error.reason) == (RetryError, Reason.FETCH_FAILED)
    shelf.come_back()
    assert shelf.fetcher.fetch(Claim(uri)) == IMAGE


def test_many_threads_share_a_fetcher(shelf: Shelf) -> None:
    claims = [Claim(shelf.put(f"{number}.png", IMAGE[:number])) for number in range(1, 33)]
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(shelf.fetcher.fetch, claims))
    assert images == [IMAGE[:number] for number in range(1, 33)]
