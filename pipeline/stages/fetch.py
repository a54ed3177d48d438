"""fetch: the event's value, or what its claim check stands for, becomes the item's image and content hash."""

from __future__ import annotations

from hashlib import sha256

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Item
from pipeline.ports import Fetcher
from pipeline.stages.each import Threads, each
from pipeline.wire import Claim, parse_claim


class Fetch:
    """Claim checks are fetched side by side on `threads`; inline images cost their hash alone."""

    name = "fetch"

    def __init__(self, fetcher: Fetcher, threads: Threads) -> None:
        self._fetcher = fetcher
        self._threads = threads

    def __call__(self, batch: Batch) -> Batch:
        """Fill `claim`, `image` and `content_sha256`."""
        claims = any(item.event.is_claim for item in batch.live())
        return each(self.name, batch, self._fetch, self._threads if claims else None)

    def _fetch(self, item: Item) -> None:
        value, digest = item.event.value or b"", item.hashed_value()
        if item.event.is_claim:
            item.claim = _claim(value)
            value = self._fetcher.fetch(item.claim)
            digest = sha256(value).hexdigest()
        if not value:
            raise ItemError(Reason.EMPTY, "the image has no bytes")
        item.image = value
        item.content_sha256 = digest


def _claim(value: bytes) -> Claim:
    try:
        return parse_claim(value)
    except ValueError as error:
        raise ItemError(Reason.MALFORMED_CLAIM, f"not a claim check: {error}") from error
