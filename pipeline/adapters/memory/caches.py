"""Caches in this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.ports import Hooks
from pipeline.signals import Features, Signals

Scalar = TypeVar("Scalar", bound=np.generic)


class MemoryTextCache:
    """A `TextCache` in a dictionary. It keeps copies, gives copies, and forgets nothing."""

    def __init__(self, hooks: Hooks | None = None) -> None:
        self._kept: dict[tuple[str, str], Features] = {}
        self._hooks = hooks or Hooks()

    def get(self, fingerprint: str, digests: Sequence[str], dimension: int) -> dict[str, Features]:
        kept = {digest: self._kept.get((fingerprint, digest)) for digest in digests}
        found = {
            digest: each.copy() for digest, each in kept.items() if each is not None and each.shape == (dimension,)
        }
        self._hooks.text_cache("hit", len(found))
        self._hooks.text_cache("miss", len(set(digests)) - len(found))
        return found

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        self._kept.update({(fingerprint, digest): vector.copy() for digest, vector in features.items()})

    def close(self) -> None:
        """Nothing to free."""


class MemoryFeatureCache:
    """A `FeatureCache` for one process, bounded by number and by bytes: the least recently used go first."""

    def __init__(self, images: int, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._images = images
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Signals] = OrderedDict()
        self._bytes = 0

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        """What it has under each digest, read-only; counts as a use."""
        found: dict[str, Signals] = {}
        with self._lock:
            for digest in digests:
                kept = self._kept.get(digest)
                if kept is not None:
                    self._kept.move_to_end(digest)
                    found[digest] = kept
        return found

    def put(self, signals: Mapping[str, Signals]) -> None:
        """Keep copies that nobody can write to, and forget the least recently used beyond either limit."""
        copies = {
            digest: replace(
                each,
                features=_read_only(each.features),
                regions=_read_only(each.regions),
                content_sha256=digest,
            )
            for digest, each in signals.items()
        }
        with self._lock:
            for digest, kept in copies.items():
                self._forget(digest)
                self._kept[digest] = kept
                self._bytes += kept.nbytes
            while len(self._kept) > self._images or self._bytes > self._max_bytes:
                self._forget(next(iter(self._kept)))

    def close(self) -> None:
        """Nothing to free."""

    def __len__(self) -> int:
        return len(self._kept)

    def _forget(self, digest: str) -> None:
        found = self._kept.pop(digest, None)
        if found is not None:
            self._bytes -= found.nbytes


def _read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    copied = array.copy()
    copied.flags.writeable = False
    return copied
