"""A backtest as JSON for programs: what a record holds, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.lab.backtest.moves import Moves
from pipeline.lab.backtest.record import Near, PolicyDay, PolicyRecord, Record, per_million
from pipeline.lab.backtest.reviewed import numbers
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.record import numbers_record, reviews_record
from pipeline.lab.reviews.reviewed import Reviewed

_DIGITS = 3


def record_json(record: Record, reviews: Mapping[str, Reviewed] | None = None) -> str:
    """One object on one line. Rates are per million events, with their 95% intervals, and null without events."""
    told = _reviews(record, reviews or {})
    said: dict[str, Any] = {
        "schema": record.schema,
        "asked": msgspec.to_builtins(record.asked),
        "shards": list(record.shards),
        "segments": record.segments,
        "rows": record.rows,
        "events": record.events,
        "verdicts": _moves(record.verdicts),
        "days": [_day(each) for each in record.days],
        "policies": [_policy(each) for each in record.policies],
        "skipped": msgspec.to_builtins(record.skipped),
        "reviews": told,
    }
    return msgspec.json.encode(said).decode()


def _reviews(record: Record, reviews: Mapping[str, Reviewed]) -> dict[str, Any]:
    """What reviews say of each policy that has any: shares of the stream, null where they cannot tell."""
    told = {policy: {**reviews_record(each), "thresholds": list[Any]()} for policy, each in reviews.items()}
    for policy, action, _, found in numbers(record, reviews):
        told[policy]["thresholds"].append({"action": action, **numbers_record(found)})
    return told


def _policy(of: PolicyRecord) -> dict[str, Any]:
    return {
        "policy": of.policy,
        "title": of.title,
        "mode": of.mode,
        "mode_before": of.mode_before,
        "version": of.version,
        "version_before": of.version_before,
        "judged": of.judged,
        **_moves(of.moves),
        "overlap": of.overlap,
        "days": [_day(each) for each in of.days],
        "thresholds": [
            {
                "action": each.action,
                "threshold": each.threshold,
                "above": [_near(near) for near in each.above],
                "below": [_near(near) for near in each.below],
            }
            for each in of.thresholds
        ],
        "new_images": [_near(near) for near in of.new],
        "let_go_images": [_near(near) for near in of.let_go],
    }


def _moves(moves: Moves) -> dict[str, Any]:
    return {
        "before": dict(moves.before),
        "now": dict(moves.after),
        "flagged_before": moves.flagged_before,
        "flagged": moves.flagged,
        "new": moves.new,
        "let_go": moves.let_go,
        "severer": moves.severer,
        "milder": moves.milder,
        "flagged_per_million": _estimate(per_million(moves.flagged, moves.events)),
        "new_per_million": _estimate(per_million(moves.new, moves.events)),
        "let_go_per_million": _estimate(per_million(moves.let_go, moves.events)),
    }


def _day(day: PolicyDay) -> dict[str, Any]:
    moves = day.moves
    return {
        "day": day.day,
        "events": moves.events,
        "before": dict(moves.before),
        "now": dict(moves.after),
        "new": moves.new,
        "let_go": moves.let_go,
    }


def _near(near: Near) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(near)
    return {key: value for key, value in said.items() if key != "thumbnail" or value is not None}


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {name: round(getattr(estimate, name), _DIGITS) for name in ("value", "low", "high")}
