"""How well a model knows wordings, by the figure that the rule of unknown words goes by, and what to say instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.lab.lint.unknown import LEAST_NEARNESS, NEIGHBOURS
from pipeline.lab.lint.vocabulary import Vocabulary
from pipeline.lab.wordings.thesaurus import instead, with_article
from pipeline.signals import Features

SUGGESTED = 3
"""Wordings that are suggested in place of one that is not known."""
PICTURES = "the pictures that must match"
Encode = Callable[[Sequence[str]], Mapping[str, Features]]
"""``float32[D]`` of each sentence."""


@dataclass(frozen=True, slots=True)
class Knowing:
    """How well a model knows a wording."""

    words: str
    nearness: float
    """Of `Vocabulary.nearness`."""
    nearest: Sequence[str]
    """Everyday phrases, the nearest to the model first."""
    instead_of: str | None = None
    """The wording for which it is suggested, or `PICTURES`; None where it is the writer's own."""

    @property
    def known(self) -> bool:
        return self.nearness >= LEAST_NEARNESS

    def as_json(self) -> dict[str, Any]:
        return {
            "words": self.words,
            "known": self.known,
            "nearness": round(self.nearness, 2),
            "nearest": list(self.nearest),
            "instead_of": self.instead_of,
        }


def knowings(vocabulary: Vocabulary, encode: Encode, words: Sequence[str], pictures: Features) -> list[Knowing]:
    """Each of the words, followed by what may be said instead: of unknown ones, and of pictures ``float32[N,D]``."""
    own = list(_known(vocabulary, encode, dict.fromkeys(words)))
    better = {
        said: each.words
        for each in own
        if not each.known
        for said in instead(each.words, vocabulary.phrases, SUGGESTED)
    }
    better |= dict.fromkeys(map(with_article, _seen(vocabulary, pictures)), PICTURES)
    suggested = {said: of for said, of in better.items() if said not in words}
    return [*own, *_known(vocabulary, encode, suggested)]


def _known(vocabulary: Vocabulary, encode: Encode, words: Mapping[str, str | None]) -> Iterator[Knowing]:
    features = encode(list(words))
    for each, instead_of in words.items():
        feature = features[each]
        nearest = [phrase for phrase, _ in vocabulary.nearest(feature, NEIGHBOURS)]
        yield Knowing(each, float(vocabulary.nearness(feature[np.newaxis])[0]), nearest, instead_of)


def _seen(vocabulary: Vocabulary, pictures: Features) -> list[str]:
    """The phrases that describe best what the pictures have in common."""
    if not len(pictures):
        return []
    return [phrase for phrase, _ in vocabulary.nearest(pictures.mean(axis=0), SUGGESTED)]
