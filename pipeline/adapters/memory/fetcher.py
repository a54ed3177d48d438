"""The twin of what claim checks are fetched by: images in memory, at stores that may be away."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.claims import checked, refused, store_of, too_large
from pipeline.wire import Claim


class MemoryFetcher:
    """A `Fetcher` of the `images` that are put into it, by address. Safe to share between threads.

    `stores` are those that claims may point to, as `store_of` names them; one in `away` does not answer.
    """

    def __init__(self, stores: Collection[str] = (), *, max_bytes: int = 50_000_000) -> None:
        self._stores = frozenset(stores)
        self._max_bytes = max_bytes
        self.images: dict[str, bytes] = {}
        self.away: set[str] = set()

    def fetch(self, claim: Claim) -> bytes:
        store = store_of(claim.uri)
        if store not in self._stores:
            raise refused(f"{store} is not one of the stores")
        if store in self.away:
            raise RetryError(Reason.FETCH_FAILED, f"{store} is away")
        image = self.images.get(claim.uri)
        if image is None:
            raise ItemError(Reason.FETCH_FAILED, f"{store} has no {claim.uri}")
        if len(image) > self._max_bytes:
            raise too_large(store, self._max_bytes)
        return checked(image, claim, store)

    def close(self) -> None:
        """Nothing to do."""
