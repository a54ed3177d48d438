"""Sentences through the model, as a policy's prompts go through it, or as they stand."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.path.live import PromptFeatures
from pipeline.ports import Encoder
from pipeline.rules.policies.lengths import TokenCounter, cut_off
from pipeline.signals import Features
from workers.assembly import text_cache
from workers.settings import Settings

AS_IT_STANDS = ("{}",)


def text_features(settings: Settings, encoder: Encoder, texts: Sequence[str], *, raw: bool) -> dict[str, Features]:
    """``float32[D]`` of each sentence, through the templates of the policies' folder unless it is to be `raw`.

    Raises `UsageError` for one that the model would cut off.
    """
    templates = AS_IT_STANDS if raw else policies_in(settings.policies).defaults.templates
    counter = TokenCounter(encoder.count_tokens, encoder.spec.context_length)
    too_long = [said for text in texts if (said := cut_off(text, templates, counter))]
    if too_long:
        raise UsageError(*too_long)
    return PromptFeatures(encoder, text_cache(settings)).of(texts, templates, {})
