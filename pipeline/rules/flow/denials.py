"""Whether a store's "no" speaks of the one object that was asked for, or of the store and our right to ask it."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 20
"""Refusals in a row that are believed to be the objects' own."""


@dataclass(slots=True)
class Denials:
    """Counts one store's answers.

    S3 says 403 of an object that is not there to who may not list the bucket, and to everybody once a role loses its
    rights. So a refusal is the object's own where the store has given something before, and not too many refusals
    ago; else it is the store's, which is waited for like one that is away. Not safe to share between threads.
    """

    given: bool = False
    row: int = 0

    def answered(self) -> None:
        """The store gave an object, or said that there is none."""
        self.given, self.row = True, 0

    def denied(self) -> bool:
        """Count a refusal. Returns whether it is the object's own."""
        self.row += 1
        return self.given and self.row <= MOST
