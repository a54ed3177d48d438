"""What the entries of a policy's lists ask for, held against what the policy can do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from pipeline.errors import Problem
from pipeline.rules.known.entries import ACTIONS, KINDS, Entries
from pipeline.rules.known.exact import NO_HASHES, Exact
from pipeline.rules.policies.policy_set import Lists, Policy, PolicySet

SCORE_DIGITS, SCORE_STEP = 6, 1e-6
"""Scores have no more digits, see `pipeline.rules.heads.head.SCORE_DIGITS`."""


def wrong_entries(policy: Policy) -> Iterator[Problem]:
    """What the entries of a policy's lists ask for that it cannot do, each with its file and line."""
    for of in policy.lists.allow:
        if len(asking := np.flatnonzero(of.entries.actions)):
            action = ACTIONS[of.entries.actions[asking[0]]]
            yield of.problem(int(asking[0]), f"{action!r} under 'allow'; what is allowed has no action: leave it out")
    for of in policy.lists.block:
        for number in np.unique(of.entries.actions).tolist():
            action = ACTIONS[number]
            if action is not None and (said := _cannot(policy, action)):
                yield of.problem(int((of.entries.actions == number).argmax()), said)
    yield from _contradictions(policy.lists)


def pdq_entries(policy_set: PolicySet, install: str) -> Iterator[Problem]:
    """The first PDQ hash of each list, where what makes them of images is not installed; `install` installs it."""
    for policy in policy_set.active:
        for of in policy.lists.hashed:
            if len(of.entries.near):
                said = f"a PDQ hash, and what makes them of images is not installed here: {install}"
                yield of.problem(int(of.entries.near.rows.min()), said)


def pdq_of_the_past(*policy_sets: PolicySet) -> str:
    """A line on the PDQ hashes that have no part in judging what an archive remembers; empty without any."""
    counts = {
        policy.id: count
        for policy_set in policy_sets
        for policy in policy_set.active
        if (count := sum(len(of.entries.near) for of in policy.lists.hashed))
    }
    if not counts:
        return ""
    told = ", ".join(f"{policy} has {count:,}" for policy, count in sorted(counts.items()))
    return f"PDQ hashes of lists have no part in this, since an archive keeps none of its images: {told}"


def score_for(policy: Policy, number: int) -> float:
    """The score of an entry that asks for ``ACTIONS[number]``: the least that leads there, and 1 for none."""
    action = ACTIONS[number]
    if action is None or action not in policy.actions:
        return 1.0
    threshold = policy.actions[action]
    steps = math.floor(threshold / SCORE_STEP)
    # Rounded as scores are, a product is the very float of its decimal number: it meets a threshold of six digits.
    while (score := round(steps * SCORE_STEP, SCORE_DIGITS)) < threshold:
        steps += 1
    return min(1.0, score)


def entries_changed(was: Entries | None, now: Entries | None) -> str:
    """How many entries of each kind come and go between two states of a list, and how many say something else.

    None stands for a list that is not there.
    """
    told = []
    for at, kind in enumerate(KINDS):
        before, after = (_hashes(entries)[at] if entries is not None else NO_HASHES for entries in (was, now))
        found = before.find(after.hashes)
        same = np.flatnonzero(found >= 0)
        counts = {"added": len(after) - len(same), "removed": len(before) - len(same)}
        if was is not None and now is not None:
            one, other = found[same], after.rows[same]
            differs = (was.actions[one] != now.actions[other]) | (was.last_days[one] != now.last_days[other])
            counts["with another action or last day"] = int(differs.sum())
        if any(counts.values()):
            told.append(f"{kind}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items() if count))
    return "; ".join(told) or "the same entries"


def _cannot(policy: Policy, action: str) -> str:
    if action not in policy.actions:
        return f"the policy {policy.id!r} has no action {action!r}; it has {', '.join(policy.actions)}"
    reached, _ = policy.severest(score_for(policy, ACTIONS.index(action)))
    if reached != action:
        return f"the policy {policy.id!r} takes {reached!r} from the same score on as {action!r}; ask for that"
    return ""


def _contradictions(lists: Lists) -> Iterator[Problem]:
    """Entries of ``allow`` that stand in ``block`` as well: each must say in a note why it is to win."""
    for allowed in lists.allow:
        for blocked in lists.block:
            for mine, theirs in zip(_hashes(allowed.entries), _hashes(blocked.entries), strict=True):
                found = theirs.find(mine.hashes)
                both = zip(mine.rows[found >= 0].tolist(), found[found >= 0].tolist(), strict=True)
                unsaid = ((entry, other) for entry, other in both if not allowed.entries.note(entry))
                for entry, other in islice(unsaid, 1):
                    yield allowed.problem(entry, _BOTH.format(blocked.name.path, blocked.entries.lines[other]))


def _hashes(entries: Entries) -> tuple[Exact, Exact]:
    """Those of each of `KINDS`, to be looked for in one another."""
    return entries.exact, Exact.of(entries.near.hashes, entries.near.rows)


_BOTH = "the hash stands under 'block' too ({}:{}); say in its note why it is allowed all the same, or take one out"
