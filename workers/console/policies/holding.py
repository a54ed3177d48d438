"""What of a folder holds although some file in it does not: the other policies, each as its file has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from pipeline.adapters.local.policy_folder import Reading
from pipeline.errors import PolicyError, Problem
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.names import SUFFIXES
from pipeline.rules.policies.policy_set import PolicySet

STAND_IN = b"title: stands in\nmode: off\nprompts: [none]\nactions: {review: 1}\n"
"""Takes the place of a file that is broken, so that a policy that is the shadow of that one still holds."""


@dataclass(frozen=True)
class Holding:
    """The policies that can be read, and what is wrong with what all of them share."""

    policy_set: PolicySet
    shared: Sequence[Problem] = ()
    """Of the defaults, the background or the folder as a whole: scores are then not those that the folder means."""


def holding(reading: Reading) -> Holding:
    """What holds of a folder; all of it where nothing is wrong."""
    files, shared = dict(reading.files), [each for each in reading.problems if not _is_policy(each.file)]
    stand_ins = {each.file for each in reading.problems if _is_policy(each.file)}
    files |= dict.fromkeys(stand_ins, STAND_IN)
    while True:
        try:
            found = parse_policies(files, assets=reading.assets)
        except PolicyError as error:
            broken = {each.file for each in error.problems}
            shared += [each for each in error.problems if not _is_policy(each.file)]
            if not broken & files.keys():
                return Holding(PolicySet(()), shared)
            # What does not hold under its very name, whatever is in it, goes altogether.
            files = {path: content for path, content in files.items() if path not in broken & stand_ins}
            for path in broken & files.keys():
                if _is_policy(path):
                    files[path] = STAND_IN
                    stand_ins.add(path)
                else:
                    del files[path]
            continue
        kept = (each for each in found.policies if each.where is None or each.where.file not in stand_ins)
        return Holding(replace(found, policies=tuple(kept)), shared)


def _is_policy(path: str) -> bool:
    return path.endswith(SUFFIXES) and not PurePath(path).name.startswith("_")
