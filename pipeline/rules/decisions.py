"""Which decisions are meant: what a person says of them, as rules."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Decision


def is_to_review(decision: Decision) -> bool:
    """Whether a person is asked to look at it."""
    return decision.verdict == "review" or decision.review_probability is not msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters that join: a decision is meant where every one that is given holds of it.

    `policy` alone asks for a match with it, enforced or in shadow; with `min_score` for a score under it, matched or
    not. `min_score` alone asks for a score under any policy. `window` is of when the decision was written.
    """

    flagged: bool = False
    image: str | None = None
    policy: str | None = None
    verdicts: frozenset[str] = frozenset()
    min_score: float | None = None
    to_review: bool = False
    """What people are asked to look at: the verdict review, and what was drawn of the allowed."""
    window: Window = ALWAYS

    @property
    def of_policies(self) -> bool:
        """Whether it asks for what only a decision has, and no dead letter."""
        asks = self.flagged, self.policy is not None, bool(self.verdicts), self.min_score is not None, self.to_review
        return any(asks)

    def means(self, decision: Decision, time: float) -> bool:
        """Whether the decision, written at `time`, is meant."""
        return (
            (not self.flagged or bool(decision.matches))
            and self.image in {None, decision.image_id}
            and (not self.verdicts or decision.verdict in self.verdicts)
            and (not self.to_review or is_to_review(decision))
            and self._policy_holds(decision)
            and self.window.holds(time)
        )

    def _policy_holds(self, decision: Decision) -> bool:
        if self.min_score is not None:
            scores = decision.scores if self.policy is None else {self.policy: decision.scores.get(self.policy, -1.0)}
            return any(score >= self.min_score for score in scores.values())
        if self.policy is None:
            return True
        return any(match.policy == self.policy for match in (*decision.matches, *decision.shadow))
