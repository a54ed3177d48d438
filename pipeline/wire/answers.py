"""The answer to an event, as a value: a decision, or why there is none.

Every event gets one. Publishers, reports and metrics receive these values; `records` writes them as Kafka records.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import msgspec
from msgspec.structs import replace

from pipeline.wire.decisions import Decision
from pipeline.wire.events import Claim, Event, image_id
from pipeline.wire.features import FeaturesRecord
from pipeline.wire.names import CLOUD_EVENT_HEADERS, carried


class Form(IntEnum):
    """How much of its event an answer brings along, from the most to the least."""

    WHOLE = 0
    KEYED = 1
    """As `WHOLE`, with a key made up where the event has none: a compacted topic takes no record without one."""
    BARE = 2
    """As `KEYED`, without the event's headers."""
    REFERENCE = 3
    """As `BARE`, with where the event stands instead of its value. A decision brings no value, and stays `BARE`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no decision: the stage that gave up, the typed reason, and the error's own words."""

    stage: str
    reason: str
    exception: str
    message: str = ""
    passing: bool = False
    """Whether something outside was away, and the item itself is not at fault."""


class Decided(msgspec.Struct, frozen=True):
    """The event's answer is a decision, which goes to the decisions topic.

    What the archive is to remember of it goes to the features topic with it; None where nothing is to be remembered.
    """

    event: Event
    decision: Decision
    form: Form = Form.WHOLE
    features: FeaturesRecord | None = None

    @property
    def event_id(self) -> str:
        return self.decision.event_id

    def smaller(self) -> Decided | None:
        """The same answer in the next form that leaves more out; None where there is nothing more to leave out.

        Its features record was published, or refused for itself, with the first form, and does not come along.
        """
        if self.form < Form.BARE and carried(self.event.headers, CLOUD_EVENT_HEADERS)[0]:
            return replace(self, form=Form.BARE, features=None)
        return None


class Failed(msgspec.Struct, frozen=True):
    """The event's answer is a dead letter, which goes to the dead-letter topic.

    ``notes`` say in words what is unusual about the image; a decision holds its own.
    """

    event: Event
    event_id: str
    failure: Failure
    notes: tuple[str, ...] = ()
    form: Form = Form.WHOLE
    policy_set: str = ""
    """The version of the set that was live then; empty where there was none."""
    claim: Claim | None = None
    """What the event's value says, where it is a claim check that could be read."""

    @property
    def image_id(self) -> str:
        """As a decision has it."""
        return image_id(self.event, self.claim)

    def smaller(self) -> Failed | None:
        """As `Decided.smaller`. An event without a key gets one first, which is what a compacted topic asks for."""
        differs = {
            Form.KEYED: self.event.key is None,
            Form.BARE: bool(self.event.headers),
            Form.REFERENCE: True,
        }
        later = (form for form, changes in differs.items() if changes and form > self.form)
        form = next(later, None)
        return None if form is None else replace(self, form=form)


Answer = Decided | Failed
