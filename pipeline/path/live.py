"""The live policies, by which images are judged now, and the text features that an edit of them can use again.

A new policy set is parsed and its new sentences are encoded beside the running worker; then one reference is swapped.
A set that does not validate changes nothing, and neither does a look at another set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from pipeline.errors import EncoderError, PolicyError, StopError
from pipeline.path.pictures import Pictures
from pipeline.ports import Encoder, Hooks, TextCache
from pipeline.rules.flags_everything import PROBES, lines_left, needs_probes, would_flag_everything
from pipeline.rules.heads import CompiledPolicies, Texts, compile_policies
from pipeline.rules.heads.ensembles import average, digest
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.lengths import TokenCounter
from pipeline.rules.policies.list_entries import pdq_entries
from pipeline.rules.policies.policy_set import PolicySet
from pipeline.rules.policies.templates import fill
from pipeline.signals import Features


class PromptFeatures:
    """Gets text features of prompts from the shared cache, and encodes and shares those that are not there.

    It keeps none itself, so threads may share it.
    """

    def __init__(self, encoder: Encoder, cache: TextCache) -> None:
        self._encoder = encoder
        self._cache = cache

    def of(
        self, prompts: Iterable[str], templates: Sequence[str], known: Mapping[str, Features]
    ) -> dict[str, Features]:
        """``float32[D]`` for each prompt; those that are `known`, through the same templates, are taken from there.

        For all others the cache is read once and written once. Raises `EncoderError` when the device fails.
        """
        wanted = dict.fromkeys(prompts)
        found = {prompt: known[prompt] for prompt in wanted if prompt in known}
        digests = {prompt: digest(prompt, templates) for prompt in wanted if prompt not in found}
        shared = self._shared(list(digests.values()))
        found |= {prompt: shared[key] for prompt, key in digests.items() if key in shared}
        if missing := {prompt: key for prompt, key in digests.items() if key not in shared}:
            found |= self._encoded(missing, templates)
        return found

    def _shared(self, digests: Sequence[str]) -> dict[str, Features]:
        spec = self._encoder.spec
        return self._cache.get(spec.fingerprint, digests, spec.features) if digests else {}

    def _encoded(self, missing: Mapping[str, str], templates: Sequence[str]) -> dict[str, Features]:
        """`missing` maps each prompt to its digest."""
        sentences = [sentence for prompt in missing for sentence in fill(prompt, templates)]
        features = average(self._encoder.encode_texts(sentences), len(templates))
        if not np.isfinite(features).all():
            raise EncoderError("the model returned text features that are not finite; its weights are damaged")
        self._cache.put(self._encoder.spec.fingerprint, dict(zip(missing.values(), features, strict=True)))
        return dict(zip(missing, features, strict=True))


@dataclass(slots=True)
class _Live:
    """The live set and its text features, which an edit of it need not ask for again; both are replaced as one."""

    compiled: CompiledPolicies
    """As it judges on the day when it was last asked for."""
    remembered: Mapping[str, Features]
    """Text features by prompt, through the set's templates."""
    assets: Assets
    """What was read beside the policies, the examples among it with their signals."""


class LivePolicies:
    """Calling it gives the compiled policies that are live; `offer` replaces them or refuses.

    Safe to call from many threads: offers wait for each other, but who asks what is live, or compiles another set,
    waits for none.
    """

    def __init__(
        self,
        encoder: Encoder,
        cache: TextCache,
        hooks: Hooks,
        pictures: Pictures | None = None,
        now: Callable[[], float] = time.time,
        without_pdq: str = "",
    ) -> None:
        """Without `pictures`, no set with pictures is taken. `now` is in seconds since the epoch.

        `without_pdq` says what to install where PDQ hashes cannot be made here.
        """
        self._now = now
        self._without_pdq = without_pdq
        self._prompts = PromptFeatures(encoder, cache)
        self._pictures = pictures
        self._spec = encoder.spec
        self._counter = TokenCounter(encoder.count_tokens, encoder.spec.context_length)
        self._hooks = hooks
        self._live: _Live | None = None
        self._offering = Lock()

    def __call__(self) -> CompiledPolicies:
        """The live set as it judges today. Raises `StopError` before the first `offer` that held."""
        live = self._live
        if live is None:
            raise StopError("no policy set is live yet")
        live.compiled = live.compiled.at(self._now())  # whoever else does this meanwhile comes to the same
        return live.compiled

    @property
    def assets(self) -> Assets:
        """What was read beside the live policies, by path, the examples among it with their signals."""
        return self._live.assets if self._live else NO_ASSETS

    def offer(self, files: Mapping[str, bytes], assets: Assets = NO_ASSETS, folder: str = "policies") -> PolicySet:
        """Take a folder's files, and the assets that they name, as the new policy set.

        Raises `PolicyError` where they do not validate or would flag everything, and `EncoderError` where their
        sentences cannot be encoded now. In both cases the last good set stays live.
        """
        with self._offering:
            try:
                policy_set = parse_policies(files, self._counter, assets, folder)
                offered = self._checked(policy_set, assets)
            except PolicyError:
                self._hooks.policies_refused("invalid")
                raise
            self._live = offered
            self._hooks.policies_loaded(policy_set.version, len(policy_set.policies))
            self._hooks.went_live(policy_set.version, files, offered.assets)
            self._hooks.shadows(policy_set.shadows)
            self._hooks.background(lines_left(offered.compiled))
            self._hooks.calibrated_for_another_model(policy_set.calibrated_for_another(self._spec.fingerprint))
            self._hooks.unproven(policy_set.unproven)
            return policy_set

    def compiled(self, policy_set: PolicySet, assets: Assets | None = None) -> CompiledPolicies:
        """Compile any set, to look at it. The live set stays as it is, with the text features that are kept for it.

        Without `assets`, those of the live set are taken. Encodes the sentences and pictures that neither the live
        set nor the caches know. Raises `EncoderError`, and `PolicyError` for pictures that cannot be read.
        """
        seen = self._seen(policy_set, self.assets if assets is None else assets)
        return self._compiled(policy_set, self._features_of(policy_set, policy_set.sentences()), seen)

    def texts(self, policy_set: PolicySet, assets: Assets | None = None) -> Texts:
        """What the heads of any set are made of, as `compiled` has it."""
        seen = self._seen(policy_set, self.assets if assets is None else assets)
        features = self._features_of(policy_set, policy_set.sentences())
        return Texts(features, self._spec.logit_scale, self._spec.logit_bias, seen)

    def _checked(self, policy_set: PolicySet, assets: Assets) -> _Live:
        """The set, ready to be live. Raises `PolicyError` for policies that would flag everything."""
        if self._without_pdq and (problems := list(pdq_entries(policy_set, self._without_pdq))):
            raise PolicyError(problems)
        probes = PROBES if needs_probes(policy_set, self._spec.logit_bias) else ()
        features = self._features_of(policy_set, (*policy_set.sentences(), *probes))
        seen = self._seen(policy_set, assets)
        compiled = self._compiled(policy_set, features, seen)
        if problems := would_flag_everything(compiled, {probe: features[probe] for probe in probes}):
            raise PolicyError(problems)
        # Copies: a row of a matrix would keep the whole matrix in memory.
        return _Live(compiled, {prompt: row.copy() for prompt, row in features.items()}, seen)

    def _seen(self, policy_set: PolicySet, assets: Assets) -> Assets:
        if not any(policy.pictures for policy in policy_set.active):
            return assets
        if self._pictures is None:
            raise StopError("policies with pictures were given to what reads no pictures")
        return self._pictures.seen(policy_set, assets)

    def _features_of(self, policy_set: PolicySet, prompts: Iterable[str]) -> dict[str, Features]:
        templates, live = policy_set.defaults.templates, self._live
        if live is None or live.compiled.policy_set.defaults.templates != templates:
            return self._prompts.of(prompts, templates, {})
        return self._prompts.of(prompts, templates, live.remembered)

    def _compiled(self, policy_set: PolicySet, features: Mapping[str, Features], assets: Assets) -> CompiledPolicies:
        scale, bias = self._spec.logit_scale, self._spec.logit_bias
        return compile_policies(policy_set, features, scale, bias, assets).at(self._now())
