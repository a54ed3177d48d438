"""How what is kept becomes a file, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.archive.gate import Gate
from pipeline.archive.reviews import reviews_bytes
from pipeline.archive.unreadable import unreadable_bytes
from pipeline.ports import Store
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.rules.archive.names import parse_path

Create = Callable[[str, ChainName, Extent, int, Sequence[Any]], int]
"""Makes a file of a kind, of its chain and extent, of a shape, that holds what is kept, which may be nothing.

It returns the bytes of the file once that is durable, 0 where there is one already. Raises `StoreError`.
"""


def creating(store: Store) -> Create:
    """Files of every kind in that store; no segment has anything in it that is erased."""
    gate = Gate(store)

    def create(kind: str, chain: ChainName, extent: Extent, shape: int, kept: Sequence[Any]) -> int:
        path = chain.path(extent.start)
        if kind == "features":
            name = parse_path(path)
            if name is None:
                raise ValueError(f"{path} is no segment's name")
            return gate.create(name, kept, extent.end, dimension=shape)
        data = (reviews_bytes if kind == "reviews" else unreadable_bytes)(chain, extent, kept)
        return len(data) if store.create(path, data) else 0

    return create
