"""What searches need, made when somebody first searches: it brings torch and Parquet's library."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.console.console import Console
    from workers.console.search.erasures import Erasures
    from workers.console.search.finder import Finder


class Tools:
    """One of each for the console. Safe to share."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = RLock()
        self._finder: Finder | None = None
        self._erasures: Erasures | None = None

    @property
    def finder(self) -> Finder:
        from workers.console.search.finder import Finder  # noqa: PLC0415

        with self._lock:
            self._finder = self._finder or Finder(self._console)
            return self._finder

    @property
    def erasures(self) -> Erasures:
        from workers.console.search.erasures import Erasures  # noqa: PLC0415

        with self._lock:
            self._erasures = self._erasures or Erasures(self._console.reach, self.finder.forget)
            return self._erasures
