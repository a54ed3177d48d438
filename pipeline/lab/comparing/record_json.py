"""Two policies side by side as JSON: the counts, and what is computed of them."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.lab.comparing.record import ACTIONS, SCHEMA, Comparison, Told
from pipeline.wire import rfc3339


def record_json(found: Comparison) -> str:
    cells = found.cells
    said: dict[str, Any] = {
        "schema": SCHEMA,
        "a": found.a,
        "b": found.b,
        "source": found.source,
        "first": rfc3339(found.first),
        "last": rfc3339(found.last),
        "images": cells.images,
        "both": cells.both,
        "only_a": cells.only_a,
        "only_b": cells.only_b,
        "neither": cells.neither,
        "agreement": found.agreement,
        "kappa": found.kappa,
        "reviews_a_day": {"a": found.load(0), "b": found.load(1)},
        "actions": {action: dict(zip("ab", cells.taken(action), strict=True)) for action in ACTIONS},
        "days": [
            {
                "day": each.day,
                "images": each.cells.images,
                "both": each.cells.both,
                "only_a": each.cells.only_a,
                "only_b": each.cells.only_b,
            }
            for each in found.days
        ],
        "without_both": found.without,
        "policy_sets": found.policy_sets,
        "told_only_a": [_told(each) for each in found.only_a],
        "told_only_b": [_told(each) for each in found.only_b],
    }
    return msgspec.json.encode(said).decode()


def _told(each: Told) -> dict[str, Any]:
    return {
        "image_id": each.image_id,
        "event_id": each.event_id,
        "decision_id": each.decision_id,
        "decided_at": each.decided_at,
        "scores": dict(zip("ab", each.scores, strict=True)),
        "outcomes": dict(zip("ab", each.outcomes, strict=True)),
    }
