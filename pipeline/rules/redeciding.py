"""Which events are decided anew by other policies, and how a later decision names the one that it replaces."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from pipeline.rules.judging import Judgement
from pipeline.signals import Signals
from pipeline.wire import CANARY_IDS, Decision, Match, as_judged, decision_id, rfc3339

Changes = Literal["verdict", "matches"]
Actions = Mapping[str, str]
"""The enforced matches of a decision: the action of each policy."""


def actions_of(matches: Collection[Match]) -> dict[str, str]:
    """The action of each policy that matched."""
    return {match.policy: match.action for match in matches}


def changes(
    verdict: str, actions: Actions, judgement: Judgement, kind: Changes, policies: Collection[str] = ()
) -> bool:
    """Whether a decision with that verdict and these matches is to be replaced by what the judgement says.

    With `policies` only where one of them matches otherwise than it did.
    """
    now = actions_of(judgement.matches)
    differing = {policy for policy in {*actions, *now} if actions.get(policy) != now.get(policy)}
    if policies and differing.isdisjoint(policies):
        return False
    return bool(differing) if kind == "matches" else judgement.verdict != verdict


def is_canary(image_id: str) -> bool:
    """Whether it is a canary's: nobody acts on what is decided of it, and it was known before it was sent."""
    return image_id.startswith(CANARY_IDS)


def decided_anew(before: Decision, signals: Signals, judgement: Judgement, policy_set: str, now: float) -> Decision:
    """The decision that replaces `before`: of the same event, by another policy set, at `now`."""
    model = signals.made_by.model
    return replace(
        as_judged(before),
        decision_id=decision_id(before.event_id, policy_set, model.fingerprint, judgement.moment),
        supersedes=before.decision_id,
        verdict=judgement.verdict,
        review_probability=before.review_probability if judgement.verdict == "allow" else msgspec.UNSET,
        matches=judgement.matches,
        shadow=judgement.shadow,
        scores=judgement.scores,
        policy_set=policy_set,
        model=model,
        preprocess=signals.made_by.preprocess,
        frames=signals.frames,
        decided_at=rfc3339(now),
    )
