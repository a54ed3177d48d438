"""A review that somebody wrote down, made ready to be published: with an id, a time, and a key."""

from __future__ import annotations

import json
from hashlib import sha256

from msgspec.structs import replace

from pipeline.wire import Record, Review, review_json

_ID_DIGITS = 32


def identified(review: Review, reviewer: str, now: str) -> Review:
    """The review with its id, and with what it lacks: `reviewer`, and `now` for its time (RFC 3339).

    The id is a pure function of what was written down. So the same file recorded twice gives the same reviews, of
    which the second counts as a repeat.
    """
    written = replace(review, reviewer=review.reviewer or reviewer)
    said = [
        written.image_id,
        written.event_id,
        written.policy,
        written.label,
        written.reviewer,
        written.inclusion_probability,
        written.at,
    ]
    canonical = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    digest = sha256(canonical.encode()).hexdigest()[:_ID_DIGITS]
    return replace(written, review_id=digest, at=written.at or now)


def review_record(review: Review, topic: str) -> Record:
    """The review's record; its key is the image id, or the event id where that is all that is known."""
    return Record(topic, (review.image_id or review.event_id).encode(), review_json(review))
