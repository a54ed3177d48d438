"""The policies that decisions are made by now, and the text features behind them.

A new policy set is parsed and its new sentences are encoded beside the running worker; then one reference is swapped.
A set that does not validate changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipeline.errors import EncoderError, PolicyError, StopError
from pipeline.items import Features
from pipeline.ports import Encoder, Hooks, TextCache
from pipeline.rules.ensembles import average, digest, fill
from pipeline.rules.policy_files import TokenCounter, parse_policies
from pipeline.rules.policy_set import PolicySet
from pipeline.rules.scoring import CompiledPolicies, compile_policies


class TextFeatures:
    """Features of prompts: remembered in this process, else shared in the cache, else encoded and shared."""

    def __init__(self, encoder: Encoder, cache: TextCache) -> None:
        self._encoder = encoder
        self._cache = cache
        self._remembered: dict[str, Features] = {}

    def of(self, prompts: Iterable[str], templates: Sequence[str]) -> dict[str, Features]:
        """``float32[D]`` for each prompt. Forgets what this call did not ask for."""
        digests = {prompt: digest(prompt, templates) for prompt in prompts}
        known = {d: self._remembered[d] for d in digests.values() if d in self._remembered}
        known |= self._shared([d for d in digests.values() if d not in known])
        missing = {d: prompt for prompt, d in digests.items() if d not in known}
        if missing:
            known |= self._encoded(missing, templates)
        self._remembered = known
        return {prompt: known[d] for prompt, d in digests.items()}

    def _shared(self, digests: Sequence[str]) -> dict[str, Features]:
        spec = self._encoder.spec
        found = self._cache.get(spec.fingerprint, digests) if digests else {}
        return {d: features for d, features in found.items() if features.shape == (spec.features,)}

    def _encoded(self, missing: Mapping[str, str], templates: Sequence[str]) -> dict[str, Features]:
        sentences = [sentence for prompt in missing.values() for sentence in fill(prompt, templates)]
        features = average(self._encoder.encode_texts(sentences), len(templates))
        if not np.isfinite(features).all():
            raise EncoderError("the model returned text features that are not finite; its weights are damaged")
        encoded = dict(zip(missing, features, strict=True))
        self._cache.put(self._encoder.spec.fingerprint, encoded)
        return encoded


class LivePolicies:
    """Calling it gives the compiled policies that are live; `offer` replaces them or refuses."""

    def __init__(self, encoder: Encoder, cache: TextCache, hooks: Hooks) -> None:
        self._texts = TextFeatures(encoder, cache)
        self._spec = encoder.spec
        self._counter = TokenCounter(encoder.count_tokens, encoder.spec.context_length)
        self._hooks = hooks
        self._live: CompiledPolicies | None = None

    def __call__(self) -> CompiledPolicies:
        """The live set. Raises `StopError` before the first `offer` that held."""
        if self._live is None:
            raise StopError("no policy set is live yet")
        return self._live

    def offer(self, files: Mapping[str, bytes]) -> PolicySet:
        """Take a folder's files as the new policy set. Raises `PolicyError`, and the last good set stays live."""
        try:
            policy_set = parse_policies(files, self._counter)
        except PolicyError:
            self._hooks.policies_refused("invalid")
            raise
        self._live = self.compiled(policy_set)
        self._hooks.policies_loaded(policy_set.version, len(policy_set.policies))
        self._hooks.calibrated_for_another_model(policy_set.calibrated_for_another(self._spec.fingerprint))
        return policy_set

    def compiled(self, policy_set: PolicySet) -> CompiledPolicies:
        """The set as matrices; encodes the sentences that no cache knows."""
        features = self._texts.of(policy_set.sentences(), policy_set.defaults.templates)
        return compile_policies(policy_set, features, self._spec.logit_scale, self._spec.logit_bias)
