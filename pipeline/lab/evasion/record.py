"""A whole drill as a value, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.lab.evasion.attempts import ACTIONS, Attempt, Tally, by_trick
from pipeline.lab.evasion.trick import Trick
from pipeline.ports import EncoderSpec

SCHEMA = "sluice.drill.v1"
DIGITS = 4
"""Decimals of scores and shares in JSON."""


@dataclass(frozen=True)
class NotDrilled:
    """A sample with which no trick was played, and why."""

    policy: str
    sample: str
    must_flag: bool
    problem: str
    named_at: str

    def __str__(self) -> str:
        named_at = f" ({self.named_at})" if self.named_at else ""
        return f"{self.policy}: {self.sample} {self.problem}{named_at}"


@dataclass(frozen=True)
class PolicyDrill:
    """What came of one policy's samples."""

    policy: str
    attempts: Sequence[Attempt]

    @cached_property
    def flags(self) -> Tally:
        """Of the samples that it must flag."""
        return Tally([each for each in self.attempts if each.sample.must_flag])

    @cached_property
    def harmless(self) -> Tally:
        """Of the samples that it must pass, where they were drilled."""
        return Tally([each for each in self.attempts if not each.sample.must_flag])

    @cached_property
    def tricks(self) -> dict[str, Tally]:
        """Of the samples that it must flag, by trick, the weakest defence first."""
        return by_trick(self.flags.attempts)

    @property
    def samples(self) -> int:
        return len({each.sample.name for each in self.flags.attempts})

    @property
    def weakest(self) -> tuple[str, Tally] | None:
        """The trick that hides most; None where none was judged."""
        first = next(iter(self.tricks.items()), None)
        return first if first and first[1].judged else None


@dataclass(frozen=True)
class Record:
    """All attempts of one run, and what they were made with."""

    seed: int
    model: EncoderSpec
    preprocess: str
    policy_set: str
    tricks: Sequence[Trick]
    attempts: Sequence[Attempt]
    not_drilled: Sequence[NotDrilled]

    @cached_property
    def policies(self) -> list[PolicyDrill]:
        """In the order of their ids."""
        grouped: dict[str, list[Attempt]] = {}
        for each in self.attempts:
            grouped.setdefault(each.sample.policy, []).append(each)
        return [PolicyDrill(policy, grouped[policy]) for policy in sorted(grouped)]

    @cached_property
    def flags(self) -> Tally:
        return Tally([each for each in self.attempts if each.sample.must_flag])

    @cached_property
    def harmless(self) -> Tally:
        return Tally([each for each in self.attempts if not each.sample.must_flag])

    def below(self, share: float, *, each: bool) -> list[str]:
        """What is flagged less often than that: policies and, where `each` trick must hold, tricks of policies."""
        found = []
        for policy in self.policies:
            tallies = {policy.policy: policy.flags}
            if each:
                tallies |= {f"{policy.policy}, {name}": tally for name, tally in policy.tricks.items()}
            found += [
                f"{name}: {tally.flagged:.1%} still flagged, wanted at least {share:.1%}"
                for name, tally in tallies.items()
                if tally.flagged is not None and tally.flagged < share
            ]
        return found

    def as_json(self) -> str:
        """One object on one line; `policies.README` describes it."""
        return json.dumps(self._object(), ensure_ascii=False)

    def _object(self) -> dict[str, Any]:
        harmless = by_trick(self.harmless.attempts)
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "model": {"name": self.model.name, "fingerprint": self.model.fingerprint},
            "preprocess": self.preprocess,
            "policy_set": self.policy_set,
            **_sums(self.flags, self.harmless),
            "policies": [_policy(policy) for policy in self.policies],
            "tricks": [
                {**_trick(self._by_name[name], tally), **_false_flags(harmless.get(name, Tally([])))}
                for name, tally in by_trick(self.flags.attempts).items()
            ],
            "not_drilled": [_not_drilled(each) for each in self.not_drilled],
            "attempts": [_attempt(each) for each in self.attempts],
        }

    @cached_property
    def _by_name(self) -> dict[str, Trick]:
        return {trick.name: trick for trick in self.tricks}


def _policy(of: PolicyDrill) -> dict[str, Any]:
    return {
        "policy": of.policy,
        "samples": of.samples,
        **_sums(of.flags, of.harmless),
        "weakest": of.weakest[0] if of.weakest else None,
        "tricks": [{"trick": name, **_sums(tally)} for name, tally in of.tricks.items()],
    }


def _trick(trick: Trick, tally: Tally) -> dict[str, Any]:
    def at(strength: float) -> Tally:
        return Tally([each for each in tally.attempts if each.strength == strength])

    return {
        "trick": trick.name,
        "seen": trick.seen,
        **_sums(tally),
        "strengths": [
            {"strength": strength, "does": trick.words(strength), **_sums(at(strength))}
            for strength in trick.strengths
        ],
    }


def _sums(tally: Tally, harmless: Tally | None = None) -> dict[str, Any]:
    worst = tally.worst
    return {
        "attempts": len(tally.attempts),
        "dead_letters": tally.dead,
        "flagged": _rounded(tally.flagged),
        "kept": _rounded(tally.kept),
        "by_action": {action: _rounded(tally.at(action)) for action in ACTIONS},
        "lost": _rounded(tally.lost),
        "worst": {"sample": worst.sample.name, "strength": worst.strength, "lost": _rounded(worst.lost)}
        if worst
        else None,
        **(_false_flags(harmless) if harmless else {}),
    }


def _false_flags(tally: Tally) -> dict[str, Any]:
    return {"harmless_attempts": len(tally.attempts), "harmless_flagged": _rounded(tally.flagged)}


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
