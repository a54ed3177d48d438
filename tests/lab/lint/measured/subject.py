"""The model that rules are measured with, what it sees of fresh scenes, and what it makes of sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.local.policy_folder import SHIPPED_BACKGROUND
from pipeline.adapters.memory import MemoryTextCache
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.extract import extract
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.places import Places
from pipeline.lab.lint.pool import Pool
from pipeline.lab.lint.vocabulary import Vocabulary
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import emoji_scenes
from pipeline.path.live import PromptFeatures
from pipeline.ports import Encoder
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.policies.backgrounds import background_lines
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Features, Signals
from workers.assembly import Model

SEED = 2**44 + 14
"""No training, evaluation, sample or calibration draws from this seed."""
TOGETHER = 256
"""Scenes judged at once."""
AT_ONCE = 400
"""Policies compiled together."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Scenes:
    """Scenes of one thing each."""

    signals: Sequence[Signals]
    shown: NDArray[np.str_]
    """The name of the thing."""
    rounds: NDArray[np.intp]
    """Of how many scenes of that thing it is the first, the second and so on, from 0."""


@dataclass
class Subject:
    """A model, scenes as it sees them, and the background that ships."""

    encoder: Encoder
    scenes: Scenes
    _features: dict[str, Features] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.background = background_lines(SHIPPED_BACKGROUND.read_text(encoding="utf-8"))
        self._prompts = PromptFeatures(self.encoder, MemoryTextCache())

    def features(self, sentences: Iterable[str]) -> Mapping[str, Features]:
        """``float32[D]`` of each, through the built-in templates."""
        self._features |= self._prompts.of(sentences, Defaults().templates, self._features)
        return self._features

    def compiled(self, policies: Sequence[Policy]) -> CompiledPolicies:
        policy_set = PolicySet(tuple(policies), Defaults(background=self.background))
        spec = self.encoder.spec
        return compile_policies(policy_set, self.features(policy_set.sentences()), spec.logit_scale, spec.logit_bias)

    def folder(self, compiled: CompiledPolicies, pool: Pool | None = None) -> Folder:
        features = self.features((*compiled.policy_set.sentences(), *self.background))
        vocabulary = Vocabulary.of({line: features[line] for line in self.background})
        return Folder(compiled, Places({}), features, vocabulary, pool)


def seen(dataset: Dataset, model: Model, threads: int, progress: Callable[[int], object]) -> tuple[Signals, ...]:
    """The data set's scenes as a worker's stages see them."""
    return extract(dataset, model.decoder, model.encoder, threads=threads, progress=progress).signals


def drawn(model: Model, each: int, threads: int, progress: Callable[[int], object]) -> Scenes:
    """So many fresh scenes of every thing of the lexicon."""
    dataset = emoji_scenes(each * len(load_lexicon()), SEED)
    shown = np.array([example.labels[0] for example in dataset.examples])
    count, rounds = Counter[str](), []
    for name in shown.tolist():
        rounds.append(count[name])
        count[name] += 1
    return Scenes(seen(dataset, model, threads, progress), shown, np.array(rounds))


def scores(compiled: CompiledPolicies, scenes: Sequence[Signals]) -> Scores:
    """``float64[N,K]``, as decisions have them."""
    parts = [compiled.look(scenes[at : at + TOGETHER]).scores for at in range(0, len(scenes), TOGETHER)]
    return np.concatenate([np.zeros((0, len(compiled.policies))), *parts])
