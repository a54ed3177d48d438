"""A world for rules: sentences whose features are chosen, so that what a rule must find is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.places import Places
from pipeline.lab.lint.pool import Pool
from pipeline.lab.lint.registry import Told, look
from pipeline.lab.lint.vocabulary import Vocabulary
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.policies.files import BUILT_IN, parse_policies
from pipeline.signals import REGION, WHOLE, Features, Provenance, Signals
from pipeline.wire import ModelRef

DIMENSIONS = 512
THINGS = tuple(f"thing {letter}{number}" for letter in "abcdefghij" for number in range(30))
MADE_BY = Provenance(ModelRef("made", "f" * 16, "float32"), "none")


class World:
    """A model that knows `THINGS`, each in a direction of its own, and other sentences by what they are near."""

    def __init__(self, near: Mapping[str, tuple[str, float]] | None = None, logit_bias: float | None = None) -> None:
        rng = np.random.default_rng(0)
        vectors = rng.standard_normal((len(THINGS), DIMENSIONS)).astype(np.float32)
        self._known = dict(zip(THINGS, _unit(vectors), strict=True))
        self._near = near or {}
        self._rng = rng
        self._bias = logit_bias

    def features(self, sentence: str) -> Features:
        """Of a thing, its own; of what is near one, a vector at that cosine to it; of all else, near nothing."""
        if sentence not in self._known:
            thing, cosine = self._near.get(sentence, ("", 0.0))
            self._known[sentence] = self.beside(thing, cosine) if thing else self._nowhere()
        return self._known[sentence]

    def beside(self, thing: str, cosine: float) -> Features:
        """A vector at that cosine to the thing's, and far from all others."""
        own, other = self._known[thing], self._nowhere()
        side = _unit(other - (other @ own) * own)
        return np.asarray(cosine * own + np.sqrt(1 - cosine**2) * side, np.float32)

    def _nowhere(self) -> Features:
        """A vector that is as far from every thing as from every other."""
        every = np.stack([self._known[thing] for thing in THINGS])
        found = self._rng.standard_normal(DIMENSIONS).astype(np.float32)
        away = found - np.linalg.lstsq(every, every @ found, rcond=None)[0] + 0.5 * every.mean(axis=0)
        return _unit(away)

    def folder(self, files: Mapping[str, str], background: Sequence[str] = THINGS) -> Folder:
        """These policy files as a folder that rules look at."""
        given = {name: text.encode() for name, text in files.items()} | {BUILT_IN: "\n".join(background).encode()}
        policy_set = parse_policies(given)
        features = {sentence: self.features(sentence) for sentence in policy_set.sentences()}
        compiled = compile_policies(policy_set, features, 100.0, self._bias)
        vocabulary = Vocabulary.of({thing: self.features(thing) for thing in THINGS})
        return Folder(compiled, Places(given), features, vocabulary)

    def pool(self, compiled: CompiledPolicies, shown: Sequence[Features], must_flag: Mapping[int, list[str]]) -> Pool:
        """Pictures with these features."""
        images = [picture(each) for each in shown]
        return Pool.of(compiled, images, must_flag)


def picture(features: Features) -> Signals:
    """A picture of one view."""
    return Signals(features[np.newaxis], np.array([(0, WHOLE)], REGION), MADE_BY)


def policy(prompts: Sequence[str], unless: Sequence[str] = (), actions: str = "{review: 0.5}") -> str:
    """A policy's file, with a prompt a line from line 3 on."""
    lines = ["title: Made", "prompts:", *(f"  - {each}" for each in prompts)]
    lines += ["unless:", *(f"  - {each}" for each in unless)] if unless else []
    return "\n".join([*lines, f"actions: {actions}", ""])


def said(folder: Folder) -> list[tuple[str, str, int]]:
    """For each finding its rule, policy and line."""
    return [(rule.name, finding.policy, finding.where.line) for rule, finding in look(folder)]


def of_rule(folder: Folder, rule: str) -> list[Told]:
    return [each for each in look(folder) if each.rule.name == rule]


def _unit(vectors: Features) -> Features:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)
