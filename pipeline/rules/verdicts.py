"""How a judgement becomes the decision on an event, which names all that it was made by."""

from __future__ import annotations

import msgspec

from pipeline.items import Item
from pipeline.rules.judging import Judgement
from pipeline.rules.reviews.sample import drawn_for_review
from pipeline.signals import Signals
from pipeline.wire import Decision, SourceRef, decision_id, image_id, rfc3339, time_notes


def decision(
    item: Item, signals: Signals, judgement: Judgement, policy_set: str, now: float, review_sample: float = 0.0
) -> Decision:
    """The decision on an item. `policy_set` is the version of the set that judged its `signals`.

    `now` is in seconds since the epoch; `review_sample` is the share of allowed images that people are to look at.
    """
    event, event_id, made_by = item.event, item.event_id, signals.made_by
    moment = (*judgement.moment, *(f"held {match.policy}" for match in judgement.matches if match.judged))
    verdict = judgement.verdict
    return Decision(
        event_id=event_id,
        decision_id=decision_id(event_id, policy_set, made_by.model.fingerprint, moment),
        image_id=image_id(event, item.claim),
        content_sha256=item.content_sha256,
        source=SourceRef(event.topic, event.partition, event.offset),
        verdict=verdict,
        review_probability=review_sample if drawn_for_review(event_id, verdict, review_sample) else msgspec.UNSET,
        matches=judgement.matches,
        shadow=judgement.shadow,
        scores=judgement.scores,
        policy_set=policy_set,
        model=made_by.model,
        preprocess=made_by.preprocess,
        frames=signals.frames,
        event_time=rfc3339(event.timestamp),
        decided_at=rfc3339(now),
        notes=[*item.notes, *_frames_notes(signals), *allowed_notes(judgement), *time_notes(event, now)],
    )


def allowed_notes(judgement: Judgement) -> list[str]:
    """What a reader of the decision should know of policies that would have matched, but for an ``allow``."""
    return [f"{policy}: {evidence}" for policy, evidence in judgement.allowed.items()]


def _frames_notes(signals: Signals) -> list[str]:
    if not signals.unseen:
        return []
    return [f"{signals.unseen} frames unlike the {signals.frames} that were looked at had no room in max_views"]
