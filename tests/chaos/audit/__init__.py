"""The promises, one rule each, held against the evidence of a run. Pure: a rule takes it and returns breaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.chaos.audit.answers import (
    both_decided_and_dead_lettered,
    lost_without_cause,
    nobodys_answers,
    other_ids,
    two_verdicts,
    unanswered,
)
from tests.chaos.audit.breach import Breach
from tests.chaos.audit.commits import ahead, waited_too_long
from tests.chaos.audit.processes import leftovers, tracebacks, undocumented_ends
from tests.chaos.evidence import Evidence

RULES: Mapping[str, Callable[[Evidence], Sequence[Breach]]] = {
    "lost": unanswered,
    "told as lost without a cause": lost_without_cause,
    "repeats under another event id": other_ids,
    "decision ids with two verdicts": two_verdicts,
    "both decided and dead-lettered": both_decided_and_dead_lettered,
    "answers to no event": nobodys_answers,
    "offsets ahead of acknowledged output": ahead,
    "partitions that waited too long": waited_too_long,
    "undocumented exit statuses": undocumented_ends,
    "processes that outlived theirs": leftovers,
    "tracebacks": tracebacks,
}


def audit(evidence: Evidence) -> dict[str, list[Breach]]:
    """Every rule with what breaks it."""
    return {name: list(rule(evidence)) for name, rule in RULES.items()}


__all__ = ["RULES", "Breach", "audit"]
