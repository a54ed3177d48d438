"""What a person asks of thresholds: ``--precision 0.95 --precision block=0.99 --false-positives review=200``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from pipeline.errors import UsageError
from pipeline.lab.evaluation.precision import MILLION
from pipeline.lab.thresholds.targets import Target
from pipeline.rules.policies.policy_set import Policy
from pipeline.wire import Action

ACTIONS: tuple[Action, ...] = get_args(Action)
LEAST = 1e-9
"""Of every number that is asked for: what would show less is more images than there are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Targets by action, where None stands for the mildest that a policy has, and the prevalence of the stream."""

    targets: Mapping[Action | None, Target]
    prevalence: float | None = None

    def of(self, policy: Policy) -> dict[Action, Target]:
        """The targets of a policy's actions; one that names an action wins over the one for the mildest."""
        present = [action for action in ACTIONS if action in policy.actions]
        found = {action: self.targets[action] for action in present if action in self.targets}
        return {present[0]: self.targets[None], **found} if None in self.targets else found


def asked(
    precision: Iterable[str], false_positives: Iterable[str], prevalence: float | None, policies: Sequence[Policy]
) -> Asked:
    """Read the flags. Raises `UsageError` for an unusable number, and where they ask nothing of these policies."""
    targets: dict[Action | None, Target] = {}
    for given in precision:
        action, value = _read("--precision", given, most=1)
        target = targets.get(action, Target())
        targets[action] = _once(target.precision, replace(target, precision=value), "--precision", action)
    for given in false_positives:
        action, value = _read("--false-positives", given, most=MILLION)
        target = targets.get(action, Target())
        changed = replace(target, false_positives=value)
        targets[action] = _once(target.false_positives, changed, "--false-positives", action)
    if not targets:
        raise UsageError("say what to reach: --precision 0.95, or --false-positives 500 (per million images)")
    if prevalence is not None and not LEAST <= prevalence < 1:
        said = f"give a share above 0 and below 1, such as 0.001; the least is {LEAST:.9f}"
        raise UsageError(f"--prevalence {prevalence:g}: {said}")
    for action in targets:
        if action is not None and not any(action in policy.actions for policy in policies):
            raise UsageError(f"no policy has the action {action!r} that a target is given for")
    return Asked(targets, prevalence)


def _read(flag: str, given: str, most: float) -> tuple[Action | None, float]:
    """Read ``0.95`` or ``block=0.95``. Raises `UsageError` unless the number lies above 0 and below `most`."""
    before, equals, after = given.partition("=")
    named, number = (before.strip(), after) if equals else (None, before)
    action = next((each for each in ACTIONS if each == named), None)
    if named is not None and action is None:
        raise UsageError(f"{flag} {given}: no action {named!r}; name one of {', '.join(ACTIONS)}")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not LEAST <= value < most:
        said = f"give a number above 0 and below {most:,}, or ACTION=NUMBER; the least is {LEAST:.9f}"
        raise UsageError(f"{flag} {given}: {said}")
    return action, value


def _once(before: float | None, target: Target, flag: str, action: Action | None) -> Target:
    if before is not None:
        raise UsageError(f"{flag} is given twice for {action or 'the mildest action'}")
    return target
