"""``lists:`` in a policy: known pictures, which are the policy's or are fine, whatever its prompts say of them.

A name that ends in ``.csv`` is a list of hashes; any other is a picture, and means what looks like it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from weakref import WeakValueDictionary

import numpy as np

from pipeline.errors import Problem
from pipeline.rules.known.csv_file import read_entries
from pipeline.rules.known.entries import ACTIONS, Entries
from pipeline.rules.known.exact import Exact
from pipeline.rules.policies.assets import Assets, Taking
from pipeline.rules.policies.policy_set import AssetName, KnownList, Lists, Policy, PolicySet

LIST_SUFFIX = ".csv"
MOST_PICTURES = 1000
"""Under one policy's lists: each of their views is compared with each view of every image."""
SCORE_STEP = 1e-6
"""Scores have no more digits, see `pipeline.rules.heads.head.SCORE_DIGITS`."""

_READ: WeakValueDictionary[str, Entries] = WeakValueDictionary()
"""What was made of each content, by its sha256, for as long as some policy has it: a million lines take seconds."""


def taken(
    beside: Taking, block: Sequence[str], allow: Sequence[str], alike: float, assets: Assets, problems: list[Problem]
) -> Lists:
    """The lists and pictures that are named.

    What is wrong in the policy file is told to `beside`, what in a list, with its own lines, to `problems`.
    """
    sides = {"block": beside.of(("lists", "block"), block), "allow": beside.of(("lists", "allow"), allow)}
    read = {side: tuple(_read(names, assets, problems)) for side, names in sides.items()}
    pictures = {side: tuple(each for each in names if not _is_list(each)) for side, names in sides.items()}
    if (count := sum(map(len, pictures.values()))) > MOST_PICTURES:
        said = f"{count:,} pictures under 'lists'; the most is {MOST_PICTURES:,}: keep hashes of the others"
        problems.append(next(each for names in pictures.values() for each in names).where.problem(said))
    return Lists(read["block"], read["allow"], pictures["block"], pictures["allow"], alike)


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


def score_for(policy: Policy, number: int) -> float:
    """The score of an entry that asks for ``ACTIONS[number]``: the least that leads there, and 1 for none."""
    action = ACTIONS[number]
    if action is None or action not in policy.actions:
        return 1.0
    return min(1.0, math.ceil(policy.actions[action] / SCORE_STEP - SCORE_STEP) * SCORE_STEP)


def _read(names: Sequence[AssetName], assets: Assets, problems: list[Problem]) -> Iterator[KnownList]:
    for name in filter(_is_list, names):
        entries = _READ.get(name.sha256)
        if entries is None:
            entries, wrong = read_entries(assets[name.path].content)
            file = "/".join([*name.where.file.split("/")[:-1], name.path])
            problems += (Problem(file, line, said) for line, said in wrong)
            if entries is None:
                continue
            _READ[name.sha256] = entries
        yield KnownList(name, entries)


def _is_list(name: AssetName) -> bool:
    return name.path.casefold().endswith(LIST_SUFFIX)


def _cannot(policy: Policy, action: str) -> str:
    if action not in policy.actions:
        return f"the policy {policy.id!r} has no action {action!r}; it has {', '.join(policy.actions)}"
    reached, _ = policy.severest(round(score_for(policy, ACTIONS.index(action)), 6))
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


def _hashes(entries: Entries) -> Iterator[Exact]:
    """Those of each kind, to be looked for in one another."""
    yield entries.exact
    yield Exact.of(entries.near.hashes, entries.near.rows)


_BOTH = "the hash stands under 'block' too ({}:{}); say in its note why it is allowed all the same, or take one out"
