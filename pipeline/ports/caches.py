"""What has been worked out before, on this machine or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.items import Features


class TextCache(Protocol):
    """Text features shared by a fleet. A cache, never a dependency: no call raises, each returns in bounded time.

    Safe to call from many threads.
    """

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, Features]:
        """The features (``float32[D]``) it has under each digest, for that model; what is missing is a miss."""

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        """Keep these, if it can."""

    def close(self) -> None:
        """Free the connection. Idempotent."""


Remembered = tuple[Features, int]
"""Features of an image, ``float32[V,D]``, and the number of frames they stand for."""


class FeatureCache(Protocol):
    """Image features by content hash (sha256, hex), for one model and preprocessing: a repeated image costs a hash.

    A cache, never a dependency: no call raises, each returns in bounded time. Safe to call from many threads.
    """

    def get(self, digests: Sequence[str]) -> dict[str, Remembered]:
        """What it has under each digest, read-only; what is missing is a miss."""

    def put(self, remembered: Mapping[str, Remembered]) -> None:
        """Keep these, if it can."""

    def close(self) -> None:
        """Free what it holds. Idempotent."""
