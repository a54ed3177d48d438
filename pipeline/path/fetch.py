"""fetch: the event's value, or what its claim check stands for, becomes the item's image and content hash."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Item
from pipeline.path.each import Threads, each
from pipeline.ports import Fetcher
from pipeline.wire import Claim, parse_claim
from pipeline.wire.names import HEADERS_LIMIT


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
        _check_headers(item)
        if item.image:
            return  # the lane of claim checks has brought it
        if item.event.is_claim:
            self.redeem(item)
        else:
            _fill(item, item.event.value or b"", item.hashed_value())

    def redeem(self, item: Item) -> None:
        """Fetch what a claim check stands for; blocks for a bounded time. Raises `ItemError` or `RetryError`."""
        _check_headers(item)
        item.claim = item.claim or _claim(item.event.value or b"")
        value = self._fetcher.fetch(item.claim)
        _fill(item, value, sha256(value).hexdigest())


def _fill(item: Item, value: bytes, digest: str) -> None:
    if not value:
        raise ItemError(Reason.EMPTY, "the image has no bytes")
    item.image, item.content_sha256 = value, digest


def _check_headers(item: Item) -> None:
    """Raise `ItemError` for an event with too many headers, and leave them out, as where they were not even read."""
    event = item.event
    count = event.unread_headers or len(event.headers)
    if count <= HEADERS_LIMIT:
        return
    item.event = replace(event, headers=(), unread_headers=count)
    item.notes = (*item.notes, f"headers left out: {count:,} of them")
    raise ItemError(
        Reason.TOO_MANY_HEADERS,
        f"{event} has {count:,} headers, and at most {HEADERS_LIMIT:,} are read; send it again with fewer",
    )


def _claim(value: bytes) -> Claim:
    try:
        return parse_claim(value)
    except ValueError as error:
        raise ItemError(Reason.MALFORMED_CLAIM, f"not a claim check: {error}") from error
