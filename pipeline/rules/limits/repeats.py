"""Which images came before, byte for byte or nearly the same: a picture that goes round counts once."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from pipeline.rules.alike import ALIKE
from pipeline.signals import Features

HASHES = 8_192
VIEWS = 256


class Hashes:
    """The last `most` different contents, by their hash."""

    def __init__(self, most: int = HASHES) -> None:
        self._most = most
        self._seen: OrderedDict[str, None] = OrderedDict()

    def new(self, content: str) -> bool:
        """Whether it is none of them; from now on it is."""
        if content in self._seen:
            self._seen.move_to_end(content)
            return False
        self._seen[content] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True


class Views:
    """The last `most` different views: one that comes again stays, and the one that stayed away longest goes."""

    def __init__(self, most: int = VIEWS, alike: float = ALIKE) -> None:
        self._most, self._alike = most, alike
        self._views: Features | None = None
        self._last = np.zeros(most, np.int64)
        self._count = self._turn = 0

    def new(self, view: Features) -> bool:
        """Whether ``float32[D]`` of length 1 is like none of them; from now on it is like itself."""
        if self._views is None:
            self._views = np.zeros((self._most, len(view)), np.float32)
        self._turn += 1
        like = np.flatnonzero(self._views[: self._count] @ view >= self._alike)
        if len(like):
            self._last[like] = self._turn
            return False
        at = self._count if self._count < self._most else int(self._last.argmin())
        self._views[at], self._last[at] = view, self._turn
        self._count = max(self._count, at + 1)
        return True
