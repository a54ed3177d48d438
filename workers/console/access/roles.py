"""What visitors may do. Each role may do what those below it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    ANYBODY = 0
    """Whoever asks, signed in or not: for what shows nothing."""
    VIEWER = 1
    REVIEWER = 2
    EDITOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Visitor:
    name: str
    role: Role

    def may(self, needed: Role) -> bool:
        return self.role >= needed


NOBODY = Visitor("nobody", Role.ANYBODY)
