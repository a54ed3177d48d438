"""The policies that a person names on the command line by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.rules.policies.policy_set import Policy, PolicySet


def meant(name: str, known: Iterable[str]) -> str:
    """A question for the nearest of the ids that are known; empty where none is near."""
    near = get_close_matches(name.casefold(), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def named_policies(policy_set: PolicySet, names: Sequence[str], folder: Path, doing: str) -> list[Policy]:
    """The active policies of those ids; all without any. Raises `UsageError` for an id that there is not.

    `doing` is what the command does to a policy, in a word.
    """
    active = {policy.id: policy for policy in policy_set.active}
    off = {policy.id for policy in policy_set.policies} - set(active)
    for name in names:
        if name in active:
            continue
        if name in off:
            raise UsageError(
                f"the policy {name!r} is off, so nothing is scored by it; write 'mode: shadow' to {doing} it"
            )
        if Path(name).is_dir():
            raise UsageError(f"{name} is a folder: name it with --policies, and policies by their ids")
        hint = meant(name, active) or f"there are {', '.join(active) or 'none'}"
        raise UsageError(f"{folder}: no policy is called {name!r}; {hint}")
    return [active[name] for name in dict.fromkeys(names)] if names else list(active.values())
