"""Precision and miss rates of policies, by the archive's reviews of what was decided in the last days."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.errors import ServiceError
from pipeline.rules.times import Window
from workers.console.console import Console

if TYPE_CHECKING:  # Parquet's library
    from pipeline.archive.archive import Archive, Block
    from pipeline.lab.reviews.misses import PolicyQuality

DAYS = 28
PATIENCE = 5.0
"""Seconds of reading, from the newest day on."""
FRESH = 300.0
"""Seconds for which what was found is shown again."""


@dataclass(frozen=True)
class Quality:
    policies: Mapping[str, PolicyQuality] = field(default_factory=dict)
    said: str = ""
    """Where the figures are from, or why there are none."""


class Reviewed:
    """Reads at most once in `FRESH` seconds. Safe to call from many threads; others wait for the one that reads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._found = Quality()
        self._read_at = float("-inf")

    @property
    def stale(self) -> bool:
        """Whether `read` would read."""
        return self._console.reach.archive is not None and time.monotonic() - self._read_at > FRESH

    @property
    def found(self) -> Quality:
        """What was last read."""
        return self._found

    def read(self) -> Quality:
        with self._lock:
            if self.stale and self._console.reach.archive is not None:
                try:
                    with self._console.reach.archive() as archive:
                        self._found = _read(archive, time.time())
                except ServiceError as error:
                    self._found = Quality(said=f"No precision or miss rate: {error}")
                self._read_at = time.monotonic()
            return self._found


def _read(archive: Archive, now: float) -> Quality:
    from pipeline.archive.lookup import newest_first  # noqa: PLC0415 - Parquet's library, as those below
    from pipeline.lab.reviews.decided import COLUMNS, judged_by_reviews  # noqa: PLC0415
    from pipeline.rules.reviews.settled import settle  # noqa: PLC0415

    window = Window(now - DAYS * 86_400, None)
    reviews = settle(archive.reviews(window))
    if not reviews:
        return Quality(said=f"Nobody has reviewed anything in the last {DAYS} days.")
    ends, whole = time.monotonic() + PATIENCE, [True]

    def in_time(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            if time.monotonic() > ends:
                whole[0] = False
                return

    blocks = archive.blocks(newest_first(archive.segments(window)), COLUMNS, window)
    found = judged_by_reviews(in_time(blocks), reviews)
    of = f"what was decided in the last {DAYS} days" if whole[0] else "the newest decisions"
    said = f"Precision and missed: by reviews of {of}, with 95% intervals."
    return Quality({each.policy: each for each in found}, said)
