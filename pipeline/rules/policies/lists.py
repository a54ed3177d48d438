"""``lists:`` in a policy: known pictures, which are the policy's or are fine, whatever its prompts say of them.

A name that ends in ``.csv`` is a list of hashes; any other is a picture, and means what looks like it. What the
entries of lists ask for is looked at in `pipeline.rules.policies.list_entries`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from pipeline.errors import Problem
from pipeline.rules.policies.assets import Assets, Taking
from pipeline.rules.policies.policy_set import AssetName, KnownList, Lists, Policy

if TYPE_CHECKING:  # numpy, which a folder without lists does not pay for
    from pipeline.rules.known.entries import Entries

LIST_SUFFIX = ".csv"
MOST_PICTURES = 1000
"""Under one policy's lists: each of their views is compared with each view of every image."""

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


def wrong_with(policy: Policy) -> Iterator[Problem]:
    """What the entries of a policy's lists ask for that it cannot do, each with its file and line."""
    if policy.lists.hashed:
        from pipeline.rules.policies.list_entries import wrong_entries  # noqa: PLC0415 - brings numpy

        yield from wrong_entries(policy)


def _read(names: Sequence[AssetName], assets: Assets, problems: list[Problem]) -> Iterator[KnownList]:
    for name in filter(_is_list, names):
        from pipeline.rules.known.csv_file import read_entries  # noqa: PLC0415 - brings numpy

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
