"""Where the path looks for what has been worked out before, on this machine or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.rules.limits.counts import Counts
from pipeline.rules.limits.standing import Standing
from pipeline.signals import Features, Signals


class TextCache(Protocol):
    """Text features shared by a fleet. A cache, never a dependency: no call raises, each returns in bounded time.

    Safe to call from many threads.
    """

    def get(self, fingerprint: str, digests: Sequence[str], dimension: int) -> dict[str, Features]:
        """``float32[dimension]`` for each digest under which it has such features of that model."""

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        """Keep these features, if it can."""

    def close(self) -> None:
        """Free the connection. Idempotent."""


class FeatureCache(Protocol):
    """Signals by content hash (sha256, hex), for one model and preprocessing: a repeated image costs a hash.

    A cache, never a dependency: no call raises, each returns in bounded time. Safe to call from many threads.
    """

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        """The signals, with read-only arrays, that it has under each digest; the others are misses.

        The digest is their `content_sha256`, whoever put them: lists of known pictures go by it.
        """

    def put(self, signals: Mapping[str, Signals]) -> None:
        """Keep these signals, if it can."""

    def close(self) -> None:
        """Free what it holds. Idempotent."""


class Standings(Protocol):
    """Which policies are held, shared by a fleet, which is a consumer group: by the name that `name_of` gives.

    A cache, never a dependency: no call raises, each returns in bounded time.
    """

    def get(self, names: Sequence[str]) -> dict[str, Standing] | None:
        """What it has under each name; None where there is no answer."""

    def put(self, standings: Mapping[str, Standing]) -> None:
        """Keep these, in place of what was there, if it can."""


class FleetCounts(Protocol):
    """What each worker of a fleet, which is a consumer group, counted of the policies that have limits.

    A cache, never a dependency: no call raises, each returns in bounded time. Of a very large fleet some stand for
    all.
    """

    def exchange(self, mine: Counts) -> list[Counts] | None:
        """Tell these in place of what was told before, and say what the others told lately; None for no answer.

        What a worker told is forgotten a minute after it tells no more.
        """
