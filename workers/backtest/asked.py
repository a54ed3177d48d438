"""From what a person typed to the policies that are judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.adapters.local.neutral_pictures import neutral_pictures
from pipeline.adapters.local.policy_folder import policies_in, read_policy_folder
from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.errors import UsageError
from pipeline.lab.backtest.engine import Question
from pipeline.path.live import LivePolicies
from pipeline.path.pictures import Pictures
from pipeline.ports import Decoder, Encoder, Hooks, TextCache
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.names import SUFFIXES
from pipeline.rules.policies.policy_set import PolicySet
from workers.policies.other_model import SayOtherModel


def folder_of(policies: Path) -> tuple[Path, str | None]:
    """The folder that is meant, and the one policy in it where a file is; a file need not exist by then."""
    if policies.suffix in SUFFIXES and not policies.is_dir():
        return policies.parent, policies.stem
    return policies, None


def check(policies: Path, against: Path | None) -> None:
    """Find what is wrong with the files before a model is loaded. Raises `PolicyError` and `UsageError`."""
    folder, only = folder_of(policies)
    _only(policies_in(folder), only, policies)
    if against is not None:
        policies_in(against)


def question(
    policies: Path, against: Path | None, encoder: Encoder, decoder: Decoder, cache: TextCache, nearest: int
) -> Question:
    """The policies, compiled as a worker does it. Raises `PolicyError` for those that a worker would refuse."""
    folder, only = folder_of(policies)
    hooks = SayOtherModel()
    pictures = Pictures(encoder, decoder, MemoryFeatureCache(0), neutral_pictures)
    now = _compiled(folder, LivePolicies(encoder, cache, hooks, pictures), only, policies)
    before = None if against is None else _compiled(against, LivePolicies(encoder, cache, Hooks(), pictures))
    return Question(now, before, only, nearest)


def _compiled(folder: Path, live: LivePolicies, only: str | None = None, named: Path = Path()) -> CompiledPolicies:
    reading = read_policy_folder(folder)
    policy_set = live.offer(reading.files, reading.assets, folder.as_posix())
    return live() if only is None else live.compiled(_only(policy_set, only, named))


def _only(policy_set: PolicySet, only: str | None, named: Path) -> PolicySet:
    """The set of that policy alone, by the defaults of its folder."""
    if only is None:
        return policy_set
    found = tuple(each for each in policy_set.policies if each.id == only)
    if not found:
        raise UsageError(
            f"{named}: no such policy; its folder has {', '.join(each.id for each in policy_set.policies)}"
        )
    return replace(policy_set, policies=found)
