"""Credentials for the library, which without any asks a cloud's metadata service: nothing here leaves loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from pipeline.adapters.stores import StoreFetcher, StoreOptions
from pipeline.rules.claims import allowed_location
from tests.adapters.raw_server import RawServer
from tests.services import stores
from tests.services.stores import SmallStore, small_store


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    stores.enter(monkeypatch)


@pytest.fixture
def store() -> Iterator[SmallStore]:
    with small_store() as server:
        yield server


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    with ExitStack() as ending:
        yield lambda reply, **more: ending.enter_context(closing(RawServer(reply, **more)))


@pytest.fixture
def s3_at() -> Callable[..., StoreFetcher]:
    """A fetcher from ``s3://images`` at a port of loopback."""

    def made(port: int, *allowed: str, scheme: str = "http", **settings: Any) -> StoreFetcher:
        certificates = settings.pop("certificates", None)
        options = StoreOptions(s3_endpoint=f"{scheme}://127.0.0.1:{port}", certificates=certificates)
        locations = [allowed_location(each) for each in allowed or ("s3://images",)]
        return StoreFetcher(locations, options, **{"timeout": 5.0, **settings})

    return made
