"""A lease keeps several from doing the same work. It guards nothing: what they do is safe without it."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import msgspec

from pipeline.ports import Store


class _Held(msgspec.Struct, frozen=True):
    by: str
    until: float
    """Seconds since the epoch, by the holder's clock."""


class Lease:
    """Of those who ask for an object of a store, one has it until it has not asked again for `seconds`."""

    def __init__(self, store: Store, path: str, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._store, self._path, self._seconds, self._clock = store, path, seconds, clock
        self._by = uuid4().hex

    def held(self) -> bool:
        """Take it or go on having it; false while another one has it. Raises `StoreError`."""
        mine = msgspec.json.encode(_Held(self._by, self._clock() + self._seconds))
        there = next((each for each in self._store.list(self._path) if each.path == self._path), None)
        if there is None:
            return self._store.create(self._path, mine)
        try:
            held = msgspec.json.decode(self._store.read(self._path), type=_Held)
        except (FileNotFoundError, msgspec.DecodeError):
            held = _Held("", 0.0)
        if held.by != self._by and held.until > self._clock():
            return False
        return self._store.replace(self._path, mine, there.version)
