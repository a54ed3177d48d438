"""A drill as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from pipeline.lab.evasion.attempts import ACTIONS, Attempt, Tally, by_trick
from pipeline.lab.evasion.record import NotDrilled, PolicyDrill, Record
from pipeline.lab.evasion.trick import Trick

SCHEMA = "sluice.drill.v1"
DIGITS = 4
"""Decimals of scores and shares."""


def record_json(record: Record) -> str:
    """One object on one line. Shares and scores are from 0 to 1, and null where nothing was judged."""
    harmless, known = by_trick(record.harmless.attempts), {trick.name: trick for trick in record.tricks}
    return json.dumps(
        {
            "schema": SCHEMA,
            "seed": record.seed,
            "model": {"name": record.model.name, "fingerprint": record.model.fingerprint},
            "preprocess": record.preprocess,
            "policy_set": record.policy_set,
            **_sums(record.flags, record.harmless),
            "policies": [_policy(policy) for policy in record.policies],
            "tricks": [
                _trick(known[name], tally, harmless.get(name, Tally([])))
                for name, tally in by_trick(record.flags.attempts).items()
            ],
            "not_drilled": [_not_drilled(each) for each in record.not_drilled],
            "attempts": [_attempt(each) for each in record.attempts],
        },
        ensure_ascii=False,
    )


def _policy(of: PolicyDrill) -> dict[str, Any]:
    return {
        "policy": of.policy,
        "samples": of.samples,
        **_sums(of.flags, of.harmless),
        "weakest": of.weakest[0] if of.weakest else None,
        "tricks": [{"trick": name, **_sums(tally)} for name, tally in of.tricks.items()],
    }


def _trick(trick: Trick, tally: Tally, harmless: Tally) -> dict[str, Any]:
    def at(strength: float) -> Tally:
        return Tally([each for each in tally.attempts if each.strength == strength])

    return {
        "trick": trick.name,
        "seen": trick.seen,
        **_sums(tally, harmless),
        "strengths": [
            {"strength": strength, "does": trick.words(strength), **_sums(at(strength))}
            for strength in trick.strengths
        ],
    }


def _sums(tally: Tally, harmless: Tally | None = None) -> dict[str, Any]:
    sums = {
        "attempts": len(tally.attempts),
        "dead_letters": tally.dead,
        "flagged": _rounded(tally.flagged),
        "kept": _rounded(tally.kept),
        "by_action": {action: _rounded(tally.at(action)) for action in ACTIONS},
        "lost": _rounded(tally.lost),
        "worst": None if tally.worst is None else _worst(tally.worst),
    }
    if harmless is not None:
        sums |= {"harmless_attempts": len(harmless.attempts), "harmless_flagged": _rounded(harmless.flagged)}
    return sums


def _worst(of: Attempt) -> dict[str, Any]:
    return {
        "policy": of.sample.policy,
        "sample": of.sample.name,
        "trick": of.trick,
        "strength": of.strength,
        "lost": _rounded(of.lost),
    }


def _not_drilled(sample: NotDrilled) -> dict[str, Any]:
    return {
        "policy": sample.policy,
        "sample": sample.sample,
        "must_flag": sample.must_flag,
        "problem": sample.problem,
        "place": sample.named_at,
    }


def _attempt(of: Attempt) -> dict[str, Any]:
    return {
        "policy": of.sample.policy,
        "sample": of.sample.name,
        "must_flag": of.sample.must_flag,
        "trick": of.trick,
        "strength": of.strength,
        "before": _rounded(of.sample.score),
        "after": _rounded(of.score),
        "action_before": of.sample.action,
        "action_after": of.action,
        "dead_letter": of.dead_letter,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
