"""A promise that was broken, with what lets one find out how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Breach:
    """What is wrong, in words that name event, place, process or line."""

    what: str

    def __str__(self) -> str:
        return self.what
