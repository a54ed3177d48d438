"""Wordings, and how well each works as the one prompt of a policy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.wordings.thesaurus import meanings, noun_phrase
from pipeline.rules.policies.policy_set import Policy
from tests.lab.lint.measured.subject import AT_ONCE, Scores, Subject, scores

PRECISION = 0.95
PREVALENCE = 0.04
"""The share of a stream that a wording is taken to be about: precision depends on it."""
WORKS, FAILS = 0.5, 0.1
"""A wording works that finds this share of what it means at that precision, and fails where it finds but that."""
SURE, LOW = 0.5, 0.1
"""Scores: most of what a sure wording means lies above the first, most of what a low one means below the second."""

Half = Literal["chosen by", "held out"]


@dataclass(frozen=True)
class Wording:
    """What one might write as a prompt, and what it means."""

    words: str
    things: frozenset[str]
    """The names of the things that it is said of."""
    name: bool
    """Whether it is a thing's name; a keyword otherwise."""

    @cached_property
    def prompt(self) -> str:
        return noun_phrase(self.words)

    @cached_property
    def half(self) -> Half:
        """Told by the first of its things, so that a thing's name and its own keywords are in the same."""
        return "held out" if hashlib.sha256(min(self.things).encode()).digest()[0] % 2 else "chosen by"


@dataclass(frozen=True)
class Tried:
    """Wordings, with what came of each."""

    wordings: Sequence[Wording]
    scores: Scores
    """``float32[V,W]`` of each scene under each wording's policy."""
    meant: NDArray[np.bool_]
    """``bool[V,W]``: whether a scene shows what the wording means."""
    found: Scores
    """``float64[W]``: which share of what it means it finds with `PRECISION`."""
    usual: Scores
    """``float64[W]``: the median score of what it means."""

    @cached_property
    def works(self) -> NDArray[np.bool_]:
        return np.asarray(self.found >= WORKS)

    @cached_property
    def fails(self) -> NDArray[np.bool_]:
        return np.asarray(self.found <= FAILS)

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        return np.array([each.half == "held out" for each in self.wordings])

    @cached_property
    def names(self) -> NDArray[np.bool_]:
        return np.array([each.name for each in self.wordings])

    @cached_property
    def things(self) -> NDArray[np.intp]:
        """Of how many things each is said."""
        return np.array([len(each.things) for each in self.wordings])


def all_wordings() -> list[Wording]:
    """Every name and keyword of the lexicon, those that a policy's prompt may be."""
    names = {emoji.name.lower() for emoji in load_lexicon()}
    return [Wording(words, things, words in names) for words, things in meanings().items() if words.isascii()]


def policy_of(number: int, *prompts: str, unless: Sequence[str] = ()) -> Policy:
    """A policy with thresholds as most have them."""
    return Policy(f"p{number:05}", "", prompts, {"review": 0.5, "block": 0.9}, unless=tuple(unless))


def tried(subject: Subject, wordings: Sequence[Wording]) -> Tried:
    """Judge every scene by every wording."""
    parts = []
    for start in range(0, len(wordings), AT_ONCE):
        some = [policy_of(at, each.prompt) for at, each in enumerate(wordings[start : start + AT_ONCE])]
        parts.append(scores(subject.compiled(some), subject.scenes.signals).astype(np.float32))
    every = np.concatenate(parts, axis=1)
    meant = np.stack([np.isin(subject.scenes.shown, list(each.things)) for each in wordings], axis=1)
    columns = range(len(wordings))
    found = np.array([recall_at(PRECISION, every[:, at], meant[:, at]) for at in columns])
    usual = np.array([np.median(every[meant[:, at], at]) for at in columns])
    return Tried(wordings, every, meant, found, usual)


def recall_at(precision: float, given: Scores, meant: NDArray[np.bool_], prevalence: float = PREVALENCE) -> float:
    """The greatest share of what is meant that some threshold finds, where that share of the flags is right.

    `prevalence` is the share of a stream that is meant; the scenes stand for such a stream.
    """
    order = np.argsort(-given, kind="stable")
    hits, wrong = np.cumsum(meant[order]), np.cumsum(~meant[order])
    right = prevalence * hits / meant.sum()
    every = right + (1 - prevalence) * wrong / (~meant).sum()
    last = np.append(np.diff(given[order]) != 0, True)  # scores that are the same are flagged together
    enough = last & (right >= precision * every) & (given[order] > 0)
    return float(hits[enough].max(initial=0) / meant.sum())
