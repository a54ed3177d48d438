"""Judgement -> decision: the answer to one event, with all that it was made by."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.items import Item
from pipeline.rules.judging import Judgement
from pipeline.wire import Decision, ModelRef, SourceRef, decision_id, image_id, rfc3339, time_notes


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a decision, besides the policies."""

    model: ModelRef
    preprocess: str


def decision(item: Item, judgement: Judgement, policy_set: str, provenance: Provenance, now: float) -> Decision:
    """The decision on one item; `policy_set` is the set's version, `now` is in seconds since the epoch."""
    event, event_id = item.event, item.event_id
    return Decision(
        event_id=event_id,
        decision_id=decision_id(event_id, policy_set, provenance.model.fingerprint),
        image_id=image_id(event, item.claim),
        content_sha256=item.content_sha256,
        source=SourceRef(event.topic, event.partition, event.offset),
        verdict=judgement.verdict,
        matches=judgement.matches,
        shadow=judgement.shadow,
        scores=judgement.scores,
        policy_set=policy_set,
        model=provenance.model,
        preprocess=provenance.preprocess,
        frames=item.frames,
        event_time=rfc3339(event.timestamp),
        decided_at=rfc3339(now),
        notes=[*item.notes, *time_notes(event, now)],
    )
