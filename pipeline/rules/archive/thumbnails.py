"""Of which decided images a thumbnail is kept, and of which of their frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.wire import Decision, PromptEvidence

Which = Literal["flagged", "sampled", "all"]

_DIGITS = 8
"""Hex digits of an event's id that decide whether it is in the sample."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose thumbnails are kept: those of images that a policy matched, of a `share` of all, or of all."""

    which: Which
    share: float = 0.0

    def may_be(self, event_id: str) -> bool:
        """Whether the thumbnail may be wanted, as far as that is known before there is a decision."""
        return self.which != "sampled" or int(event_id[:_DIGITS], 16) < self.share * 16**_DIGITS

    def is_wanted(self, decision: Decision) -> bool:
        """Whether it is. A redelivery is in the sample if the first delivery was; a match in shadow counts as one."""
        flagged = bool(decision.matches or decision.shadow)
        return flagged if self.which == "flagged" else self.may_be(decision.event_id)


def shown_frame(decision: Decision) -> int:
    """The frame that the severest match rests on; the first without one."""
    for match in (*decision.matches, *decision.shadow):
        if isinstance(match.evidence, PromptEvidence):
            return match.evidence.view.frame
    return 0
