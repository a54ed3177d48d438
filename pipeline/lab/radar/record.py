"""What radar found, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

SCHEMA = "sluice.archive-radar.v1"


class Phrase(msgspec.Struct, frozen=True, kw_only=True):
    """Words, and how much nearer a cluster is to them than the month is, as a difference of cosines."""

    text: str
    nearer: float


class Example(msgspec.Struct, frozen=True, kw_only=True):
    image_id: str
    event_id: str
    decided_at: str
    verdict: str
    nearest: float
    """The cosine to the nearest view of the month's sample."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster: images of one thing that the month did not have."""

    size: int
    """Images; where `Radar.unlike` is above 4,000, of those that were drawn of them."""
    phrases: list[Phrase]
    """The nearest first."""
    examples: list[Example]
    next_step: str
    """The command that searches for the first phrase and makes it a policy in shadow mode."""


class Radar(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    archive: str
    model: str
    preprocess: str
    day: str
    images: int
    """Of the day; every one was looked at."""
    month: int
    """Images of the month before."""
    sampled: int
    """Views of them that the day was compared with."""
    bound: float
    """An image is unlike the month where a view of it has no view of the month at that cosine or nearer."""
    unlike: int
    """Images that are so."""
    unlike_on_any_day: int
    """How many would be if the day were as the month was."""
    enough: int
    """So many of those that are like one another make a cluster; a day like the month has 0.05 of them at most."""
    clusters: list[Seen]

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True)
class Pictured:
    """The record with the thumbnails of each cluster's examples, where there are any."""

    record: Radar
    thumbnails: list[list[bytes | None]]
