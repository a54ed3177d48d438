"""Whether an archive may be written to, before anything is read that has to go there."""

from __future__ import annotations

import secrets
from contextlib import suppress

from pipeline.errors import StoreAwayError
from pipeline.ports import Store


def see_that_it_takes(store: Store) -> None:
    """Write an object and remove it. Raises `StoreError` where that is refused, not where the store is away."""
    with suppress(StoreAwayError):
        try_it(store)


def try_it(store: Store) -> None:
    """Write an object and remove it. Raises `StoreError`."""
    path = f"probe/{secrets.token_hex(8)}"
    store.create(path, b"whether sluice may write here\n")
    store.delete(path)
