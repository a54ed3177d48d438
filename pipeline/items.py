"""What travels through the stages: a `Batch` of `Item`s, each with its event and, in the end, its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ItemError, Reason, RetryError
from pipeline.signals import Pdqs, Regions, Signals
from pipeline.wire import Answer, Claim, Decided, Decision, Event, Failed, Failure, FeaturesRecord, event_id

Pixels = NDArray[np.uint8]

HEADER_HELD = 160
"""Bytes that a header takes in memory besides its name and value: a pair, a `str` and `bytes`, and their place."""
MESSAGE_LIMIT = 500
"""Characters of an error message kept in a dead letter's header: enough to tell, too few to flood."""


@dataclass(slots=True)
class Item:
    """An event on its way through the stages, each of which fills some fields; a failed item is passed along.

    ``pixels`` is ``uint8[V,H,W,3]``: V views of one image (frames, tiles, backdrops), of which the worst counts, and
    ``regions`` say where each was taken. Once the pixels have been encoded, ``signals`` replace both.
    ``notes`` say in words what is unusual about the image, for whoever reads its answer.
    """

    event: Event
    value_sha256: str = ""
    """The sha256 of the event's value in hex; empty until `hashed_value` is called."""
    claim: Claim | None = None
    image: bytes = b""
    """The event's value, or what its claim check stands for; empty again once no stage decodes it any more."""
    content_sha256: str = ""
    """The sha256 of the image in hex."""
    pixels: Pixels | None = None
    regions: Regions | None = None
    unseen: int = 0
    """As in `Signals`, once it is decoded."""
    pdq: Pdqs | None = None
    """As in `Signals`, where some list needs it."""
    signals: Signals | None = None
    weight: int = 0
    """Bytes that the event and its image had when `weigh` was last called."""
    notes: tuple[str, ...] = ()
    decision: Decision | None = None
    features: FeaturesRecord | None = None
    """What the archive is to remember of the decision, if anything."""
    failure: Failure | None = None

    @property
    def event_id(self) -> str:
        """The id that every answer to this event repeats."""
        return event_id(self.event, self.hashed_value())

    @property
    def views(self) -> int:
        """How many views it counts for where room is bounded in views: one while it has no pixels."""
        pixels = self.pixels
        return 1 if pixels is None else len(pixels)

    def weigh(self) -> int:
        """Set and return ``weight``. It stays what it was when a stage lets go of the image later."""
        event = self.event
        headers = sum(len(name) + len(value or b"") + HEADER_HELD for name, value in event.headers)
        held = len(event.value or b"") + len(event.key or b"") + headers
        self.weight = held if self.image is event.value else held + len(self.image)
        return self.weight

    def hashed_value(self) -> str:
        """The `value_sha256`, which the first call computes."""
        if not self.value_sha256:
            self.value_sha256 = sha256(self.event.value or b"").hexdigest()
        return self.value_sha256

    def fail(self, stage: str, error: Exception) -> Failure:
        """Record why this item gets no decision: its answer will be a dead letter."""
        reason = error.reason if isinstance(error, ItemError) else Reason.STAGE_FAILED
        message = str(error) or type(error).__name__
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        passing = isinstance(error, RetryError)
        self.failure = Failure(stage, reason.value, name, message[:MESSAGE_LIMIT], passing)
        self.decision = None
        return self.failure

    def answer(self, stage: str, policy_set: str = "") -> Answer:
        """The decision or dead letter. An item without an outcome, which is a bug, fails in the `stage` that asks."""
        if self.decision is not None:
            return Decided(self.event, self.decision, features=self.features)
        failure = self.failure or self.fail(
            stage, RuntimeError("it got neither a decision nor a failure; this is a bug")
        )
        return Failed(self.event, self.event_id, failure, self.notes, policy_set=policy_set, claim=self.claim)


@dataclass(slots=True, eq=False)
class Batch:
    """What one poll brought, or several, in order. ``polled_at`` is in seconds on the worker's monotonic clock.

    ``generation`` names the assignment under which it was polled, by which a commit that comes too late is known.
    """

    items: list[Item] = field(default_factory=list)
    polled_at: float = 0.0
    generation: int = 0

    def can_absorb(self, later: Batch) -> bool:
        """Whether a batch polled after this one may join it: a batch knows only one assignment."""
        return later.generation == self.generation

    def absorb(self, later: Batch) -> None:
        self.items += later.items

    def split(self, count: int) -> Batch:
        """Take out the first `count` items and return them as a batch of their own."""
        first = Batch(self.items[:count], self.polled_at, self.generation)
        del self.items[:count]
        return first

    @property
    def views(self) -> int:
        """The views of all items together."""
        return sum(item.views for item in self.items)

    def within(self, views: int) -> int:
        """How many items, from the first, have at most `views` views together."""
        for count, item in enumerate(self.items):
            views -= item.views
            if views < 0:
                return count
        return len(self.items)

    def unfailed(self) -> Iterator[Item]:
        return (item for item in self.items if item.failure is None)

    def __len__(self) -> int:
        return len(self.items)
