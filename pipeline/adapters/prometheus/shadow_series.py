"""The series of policies in shadow beside the live ones that they name: they come and go with the pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from prometheus_client import Counter

from pipeline.adapters.prometheus.declared import BOUNDS
from pipeline.wire import Decision


class _Pair(NamedTuple):
    shadow: str
    live: str
    counts: Mapping[tuple[bool, bool], Callable[[], None]]
    """What counts an image, by whether the shadow flags it and whether the live one does."""


class ShadowSeries:
    """Counts the images of each pair. Where no policy in shadow names another, an image costs nothing."""

    def __init__(self, images: Counter) -> None:
        self._images = images
        self._pairs: Sequence[_Pair] = ()
        self._lock = Lock()

    def follow(self, pairs: Mapping[str, str]) -> None:
        """From now on these pairs are compared: those that are gone lose their series, new ones begin at 0."""
        with self._lock:
            kept = {(each.shadow, each.live): each for each in self._pairs}
            for shadow, live in kept.keys() - pairs.items():
                for which in BOUNDS["flagged_by"]:
                    self._images.remove(shadow, live, which)
            self._pairs = [kept.get(pair) or self._pair(*pair) for pair in pairs.items()]

    def count(self, decision: Decision) -> None:
        """Count an image for each pair of which it has both scores."""
        if not self._pairs:
            return
        flagged = {match.policy for match in (*decision.matches, *decision.shadow)}
        for shadow, live, counts in self._pairs:
            if shadow in decision.scores and live in decision.scores:
                counts[shadow in flagged, live in flagged]()

    def _pair(self, shadow: str, live: str) -> _Pair:
        which = {(True, True): "both", (False, True): "live", (True, False): "shadow", (False, False): "neither"}
        counts = {flags: self._images.labels(shadow, live, said).inc for flags, said in which.items()}
        return _Pair(shadow, live, counts)
