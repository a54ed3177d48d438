"""How what is kept becomes a file, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.archive.denied import OF_REVIEWS
from pipeline.archive.keeping.gate import Gate
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.unreadable import unreadable_bytes
from pipeline.archive.reviews import reviews_bytes
from pipeline.archive.segments import segment_bytes
from pipeline.ports import Store
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.rules.archive.names import parse_path

Create = Callable[[str, ChainName, Extent, Any], int]
"""Makes a file of a kind, of its chain and extent, that holds what is kept, which may be nothing.

It returns the bytes of the file once that is durable, 0 where there is one already. Raises `StoreError`.
"""


def creating(store: Store, hooks: ArchiveHooks | None = None) -> Create:
    """Files of every kind in that store; no row in them is of what is erased."""
    gate = Gate(store, hooks)

    def create(kind: str, chain: ChainName, extent: Extent, kept: Any) -> int:
        path = chain.path(extent.start)
        if kind == "reviews":
            return gate.create(path, lambda denied: reviews_bytes(chain, extent, kept, denied), OF_REVIEWS)
        if kind == "unreadable":
            return gate.create(path, lambda _: unreadable_bytes(chain, extent, kept), ())
        name = parse_path(path)
        if name is None:
            raise ValueError(f"{path} is no segment's name")
        gate.deny_events(kept)
        return gate.create(path, lambda denied: segment_bytes(name, kept, extent.end, denied))

    return create
