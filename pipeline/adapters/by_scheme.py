"""A fetcher that asks others, by the scheme of a claim's address."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Protocol

from pipeline.ports import Fetcher
from pipeline.rules.claims import STORES, refused, scheme_of
from pipeline.wire import Claim


class ClosableFetcher(Fetcher, Protocol):
    def close(self) -> None:
        """Let go of connections. Nothing is fetched afterwards."""


class FetcherByScheme:
    """A `Fetcher` that hands the schemes of stores to those given, and all other addresses to `others`."""

    def __init__(self, stores: Mapping[str, ClosableFetcher], others: ClosableFetcher) -> None:
        self._stores = stores
        self._others = others

    def fetch(self, claim: Claim) -> bytes:
        scheme = scheme_of(claim.uri)
        if scheme not in STORES:
            return self._others.fetch(claim)
        if scheme not in self._stores:
            raise refused(f"nothing may be fetched from {scheme}: set fetch_allowed_stores")
        return self._stores[scheme].fetch(claim)

    def close(self) -> None:
        with ExitStack() as ending:
            for fetcher in {id(each): each for each in (*self._stores.values(), self._others)}.values():
                ending.enter_context(closing(fetcher))
