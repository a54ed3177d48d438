"""Claim checks in object stores: from allowed buckets alone, with every size and time bounded."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import obstore
from obstore.exceptions import BaseError

from pipeline.adapters.stores.answers import judged
from pipeline.adapters.stores.connections import Connection, StoreOptions, connect
from pipeline.bounded import within
from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.claims import Location, allowed, check_plain, checked, located, too_large
from pipeline.rules.flow.denials import Denials
from pipeline.wire import Claim


class _Store:
    """A bucket with its two sets of connections, and the memory of what it answered."""

    def __init__(self, location: Location, options: StoreOptions, timeout: float) -> None:
        self.name = location.store
        self._kept = connect(location, options, timeout, keep=True)
        self._single = connect(location, options, timeout, keep=False)
        self._denials = Denials()
        self._lock = threading.Lock()

    def get(self, key: str, most: int, *, keep: bool) -> bytes:
        """The object's bytes. Raises `ItemError`, before they are read where there are more than `most`."""
        try:
            image = self._read(self._kept if keep else self._single, key, most)
        except (BaseError, OSError, ValueError) as error:  # FileNotFoundError stands for 404
            with self._lock:
                raise judged(str(error), self.name, self._denials) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # what breaks in Rust is no Exception, and ends the thread
                raise
            raise ItemError(Reason.STAGE_FAILED, f"{self.name}: the client broke: {error}") from error
        with self._lock:
            self._denials.answered()
        return image

    def _read(self, connection: Connection, key: str, most: int) -> bytes:
        found = obstore.get(connection, key)
        if found.meta["size"] > most:
            raise too_large(self.name, most)
        check_plain([str(found.attributes.get("Content-Encoding", ""))], self.name)
        return bytes(found.bytes())


class StoreFetcher:
    """A `Fetcher` for ``s3://``, ``gs://`` and ``az://``; safe to call from many threads at once.

    `timeout` (seconds) bounds a fetch as a whole, with its repeated attempts and the renewal of credentials. Claims
    with a hash share connections; one without has a connection to itself, as with HTTP.
    """

    def __init__(
        self,
        stores: Sequence[Location],
        options: StoreOptions,
        *,
        max_bytes: int = 50_000_000,
        timeout: float = 10.0,
    ) -> None:
        """Raises `ServiceError` where a store cannot be set up; whether it answers is not asked."""
        self._allowed = tuple(stores)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._stores: dict[str, _Store] = {}
        for each in stores:
            if each.store not in self._stores:
                self._stores[each.store] = _Store(each, options, timeout)

    def fetch(self, claim: Claim) -> bytes:
        """The image's bytes; blocks for `timeout` at most, and raises what `Fetcher` says."""
        location = located(claim.uri)
        allowed(location, self._allowed)
        store = self._stores[location.store]
        try:
            return within(self._timeout, lambda: self._fetch(store, location, claim))
        except TimeoutError as error:
            raise RetryError(Reason.FETCH_FAILED, f"{store.name} cannot be fetched from: {error}") from error

    def close(self) -> None:
        """Nothing to do: the library closes connections that are idle."""

    def _fetch(self, store: _Store, location: Location, claim: Claim) -> bytes:
        if claim.sha256 is None:
            return store.get(location.key, self._max_bytes, keep=False)
        try:
            return checked(store.get(location.key, self._max_bytes, keep=True), claim, store.name)
        except ItemError as error:
            if error.reason is not Reason.CHECKSUM_MISMATCH:
                raise
        # The bytes may have been meant for the request before, on the same connection.
        return checked(store.get(location.key, self._max_bytes, keep=False), claim, store.name)
