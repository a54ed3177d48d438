"""Words as a policy that is tried, and as a new file: by the functions of `sluice search` and `sluice policy new`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import UsageError
from pipeline.rules.policies.policy_set import PolicySet
from workers.console.console import Console
from workers.console.policies.trial import Trial
from workers.console.policies.trying import tried
from workers.policies.new import NO_PICTURES, Chosen, chosen, text_of
from workers.policies.written import check_id, place_for
from workers.search.phrases import policy_of_words


class Words:
    """Safe to share. It remembers what neutral sentences mean to the model, since each threshold lies above those."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._neutral = MemoryTextCache()

    def tried(self, words: Sequence[str]) -> Trial:
        """What they would flag from the threshold that a new policy of them would have. Raises `UsageError`."""
        found, words_alone = self._chosen(words)
        policy = replace(words_alone.policies[0], actions={"review": found.least})
        now = self._console.reach.judge().live.compiled(replace(words_alone, policies=(policy,)))
        return tried(self._console, now, None)

    def new_policy(self, name: str, words: Sequence[str]) -> bytes:
        """The file of a new policy in shadow mode. Raises `UsageError` for a name that cannot be one, or is taken."""
        check_id(name, "the name")
        if not words:
            raise UsageError("say in words what a picture shows that matches")
        found, _ = self._chosen(words)
        text = text_of(words, found, {})
        place_for(self._console.settings.policies, name, text, name)
        return text

    def _chosen(self, words: Sequence[str]) -> tuple[Chosen, PolicySet]:
        judge = self._console.reach.judge()
        policy_set = policy_of_words(self._console.settings, judge.model, words, ())
        compiled = judge.live.compiled(policy_set)
        return chosen(judge.model, compiled, NO_PICTURES, NO_PICTURES, cache=self._neutral), policy_set
