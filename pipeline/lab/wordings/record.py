"""What came of holding wordings against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pipeline.wire import Against

SCHEMA = "sluice.wordings.v1"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many images score at least `threshold`."""

    threshold: float
    flagged: int
    alone: int
    """Those of them that no other wording scores so high."""


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """An image that scores high by a wording."""

    image_id: str
    scores: list[float]
    """By each wording, in their order."""
    alike: int
    """How many more there are that are nearly the same, of those that score no less than the last line."""
    against: Against | None
    """What stood most against the wording."""
    decided_at: str | None = None
    """None for a file."""


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    words: str
    counts: list[Count]
    top: list[Top]
    """The highest score first."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: wordings in the order in which they were given."""

    schema: str = SCHEMA
    source: str
    """The files and folders, or the archive."""
    model: str
    """The fingerprint of the model, as `preprocess` made for it."""
    preprocess: str
    images: int
    unread: int
    wordings: list[Wording]

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True)
class Pictured:
    """A record with the pictures of each wording's `Wording.top`, in order, where there are any."""

    record: Tried
    thumbnails: Sequence[Sequence[bytes | None]]
