"""Words that are searched for, as the policy file that would look for them: written and read as any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.adapters.local.policy_folder import look_at
from pipeline.errors import PolicyError, UsageError
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks, TextCache
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.lengths import TokenCounter
from pipeline.rules.policies.names import DEFAULTS_FILE, SUFFIXES
from pipeline.rules.policies.policy_set import PolicySet
from workers.assembly import Model
from workers.policies.written import policy_text
from workers.settings import Settings

SEARCHED = "searched"
"""The policy's id where it has no name yet."""


def compiled_words(
    settings: Settings, model: Model, cache: TextCache, prompts: Sequence[str], unless: Sequence[str]
) -> CompiledPolicies:
    """The words as a policy beside the folder's background and templates. Raises `UsageError` for what is refused.

    Second looks count from their own bar on, as they do for a policy whose threshold lies below it.
    """
    live = LivePolicies(model.encoder, cache, Hooks())
    return live.compiled(policy_of_words(settings, model, prompts, unless))


def policy_of_words(settings: Settings, model: Model, prompts: Sequence[str], unless: Sequence[str]) -> PolicySet:
    """The set of that one policy, from which `compiled_words` is made. Raises `UsageError` for what is refused."""
    counter = TokenCounter(model.encoder.count_tokens, model.encoder.spec.context_length)
    found = _parsed(shared_of(settings.policies), prompts, unless, counter)
    policy = replace(found.policies[0], actions={"label": 0.0})
    return replace(found, policies=(policy,))


def shared_of(folder: Path) -> dict[str, bytes]:
    """The files that all policies of the folder share; what its policies say themselves is no matter here.

    Nor is whether those can be read. Raises `PolicyError` where the shared ones or the folder cannot.
    """
    reading = look_at(folder)
    problems = [each for each in reading.problems if not (reading.files and _is_own(each.file))]
    if problems:
        raise PolicyError(problems)
    return {path: content for path, content in reading.files.items() if not _is_own(path)}


def _is_own(path: str) -> bool:
    """Whether it is a policy's file."""
    return path.endswith(SUFFIXES) and path.rpartition("/")[2] != DEFAULTS_FILE


def _parsed(
    shared: Mapping[str, bytes], prompts: Sequence[str], unless: Sequence[str], counter: TokenCounter
) -> PolicySet:
    file = f"{SEARCHED}.yaml"
    try:
        return parse_policies({**shared, file: policy_text(prompts, unless, 0.5, title=SEARCHED)}, counter)
    except PolicyError as error:
        raise refused(error, {file: ""}) from error


def refused(error: PolicyError, own: Mapping[str, str]) -> UsageError:
    """What to raise instead, of files that nobody wrote: `own` names each, and says what its lines begin with."""
    return UsageError(*(own[each.file] + each.reason if each.file in own else str(each) for each in error.problems))
