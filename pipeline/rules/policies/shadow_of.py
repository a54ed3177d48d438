"""``shadow_of: weapons``: a policy in mode shadow that is compared with a live one, as images stream by."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from pipeline.errors import Problem
from pipeline.rules.policies.policy_set import Location, Named, Policy
from pipeline.rules.policies.yaml_lines import Located

KEY = "shadow_of"
_MOST_NAMED = 10


def shadow_of(policy: str | None, path: str, located: Located) -> Named | None:
    """The policy that a file names, with the line in which it does."""
    return None if policy is None else Named(policy, Location(path, located.line((KEY,))))


def shadow_problems(policies: Collection[Policy], ids: Collection[str]) -> Iterator[Problem]:
    """What is wrong with the policies that are named; `ids` are those of all files, be they sound or not."""
    modes = {policy.id: policy.mode for policy in policies}
    for policy in policies:
        if policy.shadow_of is not None and (said := _wrong(policy, policy.shadow_of.id, ids, modes)):
            yield policy.shadow_of.where.problem(f"{KEY!r}: {said}")


def _wrong(policy: Policy, live: str, ids: Collection[str], modes: Mapping[str, str]) -> str | None:
    if live == policy.id:
        return f"{live!r} is this policy itself; name the one that it is to be compared with"
    if live not in ids:
        close = difflib.get_close_matches(live.casefold(), ids, n=1)
        there = sorted(each for each in ids if each != policy.id)
        known = f"there are {', '.join(there[:_MOST_NAMED])}{', ...' if len(there) > _MOST_NAMED else ''}"
        known = known if there else "this one is the only one: delete this line"
        return f"there is no policy {live!r} in the folder; {f'did you mean {close[0]!r}?' if close else known}"
    if policy.mode == "enforce":
        return "a policy in mode enforce is nobody's shadow; write 'mode: shadow', or delete this line"
    if modes.get(live) == "shadow":
        return f"{live!r} is in mode shadow itself; name one that is enforced"
    return None
