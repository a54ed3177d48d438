"""fetch: the event's value, or what its claim check stands for, becomes the item's image and content hash."""

from __future__ import annotations

from hashlib import sha256

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Item
from pipeline.path.each import Threads, each
from pipeline.ports import Fetcher
from pipeline.wire import Claim, parse_claim


class Fetch:
    """Claim checks are fetched side by side on `threads`; inline images cost their hash alone."""

    name = "fetch"

    def __init__(self, fetcher: Fetcher, threads: Threads) -> None:
        self._fetcher = fetcher
        self._threads = threads

    def __call__(self, batch: Batch) -> Batch:
        """Fill `claim`, `image` and `content_sha256`."""
        claims = any(item.event.is_claim for item in batch.unfailed())
        return each(self.name, batch, self._fetch, self._threads if claims else None)

    def _fetch(self, item: Item) -> None:
        if item.image:
            return  # the lane of claim checks has brought it
        if item.event.is_claim:
            self.redeem(item)
        else:
            _fill(item, item.event.value or b"", item.hashed_value())

    def redeem(self, item: Item) -> None:
        """Fetch what a claim check stands for; blocks for a bounded time. Raises `ItemError` or `RetryError`."""
        item.claim = item.claim or _claim(item.event.value or b"")
        value = self._fetcher.fetch(item.claim)
        _fill(item, value, sha256(value).hexdigest())


def _fill(item: Item, value: bytes, digest: str) -> None:
    if not value:
        raise ItemError(Reason.EMPTY, "the image has no bytes")
    item.image, item.content_sha256 = value, digest


def _claim(value: bytes) -> Claim:
    try:
        return parse_claim(value)
    except ValueError as error:
        raise ItemError(Reason.MALFORMED_CLAIM, f"not a claim check: {error}") from error
