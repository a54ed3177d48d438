"""What the examples of policies come to: how many there are, what they find of each other, whether they are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline.rules.policies.policy_set import Policy

if TYPE_CHECKING:  # numpy, which counting goes without
    from pipeline.path.live import LivePolicies
    from pipeline.rules.heads.fitting import Fitted


@dataclass(frozen=True, slots=True)
class CameTo:
    """What a model made of a policy's examples that match, each left out in turn."""

    used: bool
    why_not: str = ""
    found: int = 0
    """How many of them the others and the text find."""
    found_at_least: float = 0.0
    """The lower end of the 95% interval of the share that is found."""
    found_by_text: int = 0
    """How many the text finds alone."""
    neutral_flagged: float = 0.0
    """The share of pictures of nothing in particular that would be flagged."""
    several_flagged: float = 0.0
    """The same of pictures of several such things at once."""


def came_to(live: LivePolicies) -> dict[str, CameTo]:
    """What the examples came to of each live policy that has any."""
    from pipeline.rules.heads.fitting import fit_examples  # noqa: PLC0415 - numpy, as above

    policy_set = live().policy_set
    policies = [policy for policy in policy_set.policies if policy.examples.pictures]
    fitted = {each.policy.id: each for each in fit_examples(policy_set, live.texts(policy_set))} if policies else {}
    return {policy.id: _came_to(policy, fitted.get(policy.id)) for policy in policies}


def said_of(policy: Policy, came: CameTo | None) -> str:
    """In one line: how many there are of each class and, where a model has looked at them, what they came to."""
    match, alike = len(policy.examples.match), len(policy.examples.look_alike)
    said = f"examples: {match} that match" + (f", {alike} that look alike" if alike else "")
    if came is None:
        return said
    if came.found or came.found_by_text or came.used:
        least = f"95%: at least {came.found_at_least:.0%}"
        said += f"; each left out in turn, {came.found} are found ({least}), by the text alone {came.found_by_text}"
    return f"{said}; " + ("used" if came.used else f"not used: {came.why_not}")


def as_json(policy: Policy, came: CameTo | None) -> dict[str, Any]:
    """What ``sluice policy check --json`` tells of a policy's examples."""
    counts = {"match": len(policy.examples.match), "look_alike": len(policy.examples.look_alike)}
    return {**counts, **(asdict(came) if came else {})}


def said_of_all(live: LivePolicies) -> list[str]:
    """A line for each live policy that has examples."""
    found: Mapping[str, CameTo] = came_to(live)
    policies = {policy.id: policy for policy in live().policy_set.policies}
    return [f"{name}: {said_of(policies[name], came)}" for name, came in found.items()]


def _came_to(policy: Policy, fitted: Fitted | None) -> CameTo:
    if fitted is None:
        return CameTo(used=False, why_not=_too_few(policy))
    return CameTo(
        fitted.used,
        _why_not(fitted),
        fitted.found,
        round(fitted.least_found, 4),
        fitted.found_by_text,
        round(fitted.neutral_flagged, 4),
        round(fitted.several_flagged, 4),
    )


def _too_few(policy: Policy) -> str:
    if policy.mode == "off":
        return "the policy is off"
    if len(policy.examples.match) == 1:
        return "it takes two that match to tell what they have in common"
    return "the pictures that ship with Sluice, which examples are told apart from, are not there"


def _why_not(fitted: Fitted) -> str:
    if fitted.used:
        return ""
    if fitted.flags_neutral:
        kind = "the pictures that ship with Sluice, which show other things"
        if fitted.several_flagged > fitted.neutral_flagged:
            kind = "pictures of several other things"
        share = f"{max(fitted.neutral_flagged, fitted.several_flagged):.0%} of {kind}"
        return f"they would flag {share}; show the thing alone and large, or name what looks alike"
    if fitted.found_by_text >= fitted.found:
        return "the text finds as many"
    return "that they find more than the text may be chance; more of them would tell"
