"""Of which decided images a thumbnail is kept, and of which of their frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from pipeline.rules.reviews.sample import in_sample
from pipeline.wire import Decision, PromptEvidence

Which = Literal["flagged", "sampled", "all"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose thumbnails are kept: those of images that a policy matched, of a `share` of all, or of all.

    An image that is drawn to be reviewed has one in any case: somebody is to look at it.
    """

    which: Which
    share: float = 0.0
    reviewed: float = 0.0
    """The share of allowed images that are drawn to be reviewed."""

    def may_be(self, event_id: str) -> bool:
        """Whether the thumbnail may be wanted, as far as that is known before there is a decision."""
        return self.which != "sampled" or in_sample(event_id, max(self.share, self.reviewed))

    def _sampled(self, event_id: str) -> bool:
        return self.which != "sampled" or in_sample(event_id, self.share)

    def is_wanted(self, decision: Decision) -> bool:
        """Whether it is. A redelivery is in the sample if the first delivery was; a match in shadow counts as one."""
        if decision.review_probability is not msgspec.UNSET:
            return True
        flagged = bool(decision.matches or decision.shadow)
        return flagged if self.which == "flagged" else self._sampled(decision.event_id)


def shown_frame(decision: Decision) -> int:
    """The frame that the severest match rests on; the first without one."""
    for match in (*decision.matches, *decision.shadow):
        if isinstance(match.evidence, PromptEvidence):
            return match.evidence.view.frame
    return 0
