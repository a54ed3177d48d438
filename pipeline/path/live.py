"""The policies that decisions are made by now, and the text features behind them.

A new policy set is parsed and its new sentences are encoded beside the running worker; then one reference is swapped.
A set that does not validate changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

import numpy as np

from pipeline.errors import EncoderError, PolicyError, StopError
from pipeline.items import Features
from pipeline.ports import Encoder, Hooks, TextCache
from pipeline.rules.flags_everything import PROBES, lines_left, needs_probes, would_flag_everything
from pipeline.rules.heads.ensembles import average, digest
from pipeline.rules.heads.scoring import CompiledPolicies, compile_policies
from pipeline.rules.policies.files import TokenCounter, parse_policies
from pipeline.rules.policies.policy_set import PolicySet
from pipeline.rules.policies.templates import fill


class TextFeatures:
    """Features of prompts: remembered in this process, else shared in the cache, else encoded and shared."""

    def __init__(self, encoder: Encoder, cache: TextCache) -> None:
        self._encoder = encoder
        self._cache = cache
        self._remembered: dict[str, Features] = {}

    def of(self, prompts: Iterable[str], templates: Sequence[str]) -> dict[str, Features]:
        """``float32[D]`` for each prompt."""
        digests = {prompt: digest(prompt, templates) for prompt in prompts}
        known = {d: self._remembered[d] for d in digests.values() if d in self._remembered}
        known |= self._shared([d for d in digests.values() if d not in known])
        missing = {d: prompt for prompt, d in digests.items() if d not in known}
        if missing:
            known |= self._encoded(missing, templates)
        return {prompt: known[d] for prompt, d in digests.items()}

    def remember(self, features: Mapping[str, Features], templates: Sequence[str]) -> None:
        """Keep these in this process, in place of those before."""
        self._remembered = {digest(prompt, templates): row for prompt, row in features.items()}

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
    """Calling it gives the compiled policies that are live; `offer` replaces them or refuses.

    Safe to call from many threads: offers wait for each other, and nobody who asks what is live waits for an offer.
    """

    def __init__(self, encoder: Encoder, cache: TextCache, hooks: Hooks) -> None:
        self._texts = TextFeatures(encoder, cache)
        self._spec = encoder.spec
        self._counter = TokenCounter(encoder.count_tokens, encoder.spec.context_length)
        self._hooks = hooks
        self._live: CompiledPolicies | None = None
        self._offering = Lock()

    def __call__(self) -> CompiledPolicies:
        """The live set. Raises `StopError` before the first `offer` that held."""
        if self._live is None:
            raise StopError("no policy set is live yet")
        return self._live

    def offer(self, files: Mapping[str, bytes]) -> PolicySet:
        """Take a folder's files as the new policy set.

        Raises `PolicyError` where they do not validate or would flag everything, and `EncoderError` where their
        sentences cannot be encoded now. In both cases the last good set stays live.
        """
        with self._offering:
            try:
                policy_set = parse_policies(files, self._counter)
                compiled, features = self._compiled(policy_set)
                self._check(compiled, features)
            except PolicyError:
                self._hooks.policies_refused("invalid")
                raise
            self._texts.remember(features, policy_set.defaults.templates)
            self._live = compiled
            self._hooks.policies_loaded(policy_set.version, len(policy_set.policies))
            self._hooks.background(lines_left(compiled))
            self._hooks.calibrated_for_another_model(policy_set.calibrated_for_another(self._spec.fingerprint))
            return policy_set

    def compiled(self, policy_set: PolicySet) -> CompiledPolicies:
        """Any set as matrices, to look at; encodes the sentences that no cache knows. What is live stays as it is."""
        return self._compiled(policy_set)[0]

    def _compiled(self, policy_set: PolicySet) -> tuple[CompiledPolicies, dict[str, Features]]:
        features = self._texts.of(policy_set.sentences(), policy_set.defaults.templates)
        return compile_policies(policy_set, features, self._spec.logit_scale, self._spec.logit_bias), features

    def _check(self, compiled: CompiledPolicies, features: dict[str, Features]) -> None:
        """Raises `PolicyError` for policies that would flag everything; adds to `features` what it takes to see."""
        policy_set, probes = compiled.policy_set, dict[str, Features]()
        if needs_probes(policy_set, self._spec.logit_bias):
            probes = self._texts.of(PROBES, policy_set.defaults.templates)
        if problems := would_flag_everything(compiled, probes):
            raise PolicyError(problems)
        features.update(probes)
