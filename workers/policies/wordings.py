"""Wordings put to the model, each as a policy of its own beside what the folder's policies share."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.adapters.local.policy_folder import Reading
from pipeline.errors import PolicyError, UsageError
from workers import assembly
from workers.policies.written import policy_text
from workers.search.phrases import refused, shared_of
from workers.settings import Settings


def check_wordings(wordings: Sequence[str]) -> None:
    """Raise `UsageError` for words that stand there twice, which would be flagged by nothing alone."""
    for at, each in enumerate(wordings):
        if each in wordings[:at]:
            raise UsageError(f"{each!r} stands there twice; say each wording once")


def judge_of(settings: Settings, model: assembly.Model, wordings: Sequence[str]) -> assembly.Judge:
    """A judge whose policies are the wordings, in their order. Raises `UsageError` for words that are refused.

    Their threshold is 0, so that each score is told with what stood against it, and second looks count.
    """
    own = {f"wording-{at:04}.yaml": words for at, words in enumerate(wordings, 1)}
    written = {file: policy_text([words], (), 0.0, title=file) for file, words in own.items()}
    shared = shared_of(settings.policies)
    try:
        return assembly.judge_by(Reading({**shared, **written}), model, assembly.text_cache(settings))
    except PolicyError as error:
        raise refused(error, {file: f"{words!r}: " for file, words in own.items()}) from error
