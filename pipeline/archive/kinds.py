"""How what is kept becomes a file, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.archive.reviews import reviews_bytes
from pipeline.archive.segments import segment_bytes
from pipeline.archive.unreadable import unreadable_bytes
from pipeline.ports import Store
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.rules.archive.names import parse_path


def encoded(kind: str, chain: ChainName, extent: Extent, shape: int, kept: Sequence[Any]) -> bytes:
    """A file of that kind that holds `kept`, which may be nothing where all of it was left out."""
    if kind == "reviews":
        return reviews_bytes(chain, extent, kept)
    if kind == "unreadable":
        return unreadable_bytes(chain, extent, kept)
    name = parse_path(chain.path(extent.start))
    if name is None:
        raise ValueError(f"{chain.path(extent.start)} is no segment's name")
    return segment_bytes(name, kept, extent.end, dimension=shape)


Create = Callable[[str, ChainName, Extent, int, Sequence[Any]], int | None]
"""Makes a file of what `encoded` takes, and returns its bytes once it is durable; None where there is one already."""


def creating(store: Store) -> Create:
    """Files as they are encoded."""

    def create(kind: str, chain: ChainName, extent: Extent, shape: int, kept: Sequence[Any]) -> int | None:
        data = encoded(kind, chain, extent, shape, kept)
        return len(data) if store.create(chain.path(extent.start), data) else None

    return create
