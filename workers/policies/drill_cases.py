"""A drill as the cases of a JUnit report."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.lab.evasion.attempts import Tally
from pipeline.lab.evasion.record import ALL_TRICKS, NotDrilled, PolicyDrill, Record
from pipeline.lab.evasion.words import percent
from workers.policies.junit import Case


def cases(record: Record, at_least: float, *, each: bool) -> list[Case]:
    """For each policy a case for all tricks together and one for each trick; an error for a sample not drilled.

    With `each`, a trick's case fails as well where less than `at_least` is still flagged.
    """
    not_drilled: dict[str, list[NotDrilled]] = {}
    for sample in record.not_drilled:
        not_drilled.setdefault(sample.policy, []).append(sample)
    drilled = {policy.policy: policy for policy in record.policies}
    found: list[Case] = []
    for policy in sorted({*drilled, *not_drilled}):
        found += [_error(sample) for sample in not_drilled.get(policy, [])]
        if policy in drilled:
            found += _of(drilled[policy], at_least, each=each)
    return found


def remarks(record: Record) -> dict[str, str]:
    """The dead letters of each policy, a line each."""
    return {
        policy.policy: "\n".join(
            f"{each.trick} {each.strength:g}, {each.sample.name}: a dead letter: {each.dead_letter}"
            for each in policy.attempts
            if each.dead_letter
        )
        for policy in record.policies
    }


def _of(policy: PolicyDrill, at_least: float, *, each: bool) -> Iterator[Case]:
    yield _case(policy.policy, ALL_TRICKS, policy.flags, at_least)
    for name, tally in policy.tricks.items():
        yield _case(policy.policy, name, tally, at_least if each else 0.0)


def _case(policy: str, name: str, tally: Tally, at_least: float) -> Case:
    if not tally.falls_below(at_least):
        return Case(policy, name)
    said = f"{policy}, {name}: {percent(tally.flagged)} still flagged, wanted at least {percent(at_least)}"
    return Case(policy, name, said, kind="evasion")


def _error(sample: NotDrilled) -> Case:
    name = f"{'must_flag' if sample.must_flag else 'must_pass'} {sample.sample}"
    return Case(sample.policy, name, str(sample), sample.problem, "not_drilled", unread=True)
