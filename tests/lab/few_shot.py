"""How much a few pictures tell where the model does not know the word: the table in `policies/README.md`.

``python -m tests.lab.few_shot`` draws fresh scenes of things called by words that training held out, fits the head of
pictures to the first N scenes of each, and prints the recall at 0.95 precision over all others. It takes minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.local.neutral_pictures import neutral_pictures
from pipeline.adapters.local.policy_folder import SHIPPED_BACKGROUND
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.lab.data.extract import extract
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import SEED, emoji_scenes
from pipeline.lab.scenes.wordings import held_out
from pipeline.path.live import LivePolicies
from pipeline.path.pictures import Pictures
from pipeline.ports import Hooks
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.assets import Asset
from pipeline.rules.policies.backgrounds import background_lines
from pipeline.rules.policies.policy_set import AssetName, Defaults, Examples, Location, Policy, PolicySet
from pipeline.signals import Signals
from workers import assembly
from workers.settings import load_settings
from workers.terminal.plain import say

WORDS = ("slice", "second", "protest", "help", "potsticker", "dejected", "pirate", "begging", "porous", "nursing")
"""Held-out words that the text alone hardly finds; their things were drawn by lot among those."""
FEW = (0, 1, 2, 4, 8, 16)
TEST_SEED, EXAMPLE_SEED, OTHER_SEED = SEED + 2001, SEED + 2002, SEED + 1001
PRECISION = 0.95
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """A model, and what is seen of scenes: by word, and of everything else with the names of what is shown."""

    model: assembly.Model
    test: dict[str, list[Signals]]
    examples: dict[str, list[Signals]]
    others: list[tuple[tuple[str, ...], Signals]]


def drawn(model: assembly.Model, words: Sequence[str], each: int, examples: int, others: int) -> Subject:
    """Draw and encode fresh scenes."""
    things = {word: index for index, word in held_out().items() if word in words}
    names = {load_lexicon()[index].name: word for word, index in things.items()}
    chosen = [things[word] for word in words]

    def seen(count: int, seed: int, of: list[int] | None) -> list[tuple[tuple[str, ...], Signals]]:
        found = extract(emoji_scenes(count, seed, things=of), model.decoder, model.encoder, threads=1)
        return [(each.labels, signals) for each, signals in zip(found.examples, found.signals, strict=True)]

    def by_word(count: int, seed: int) -> dict[str, list[Signals]]:
        found: dict[str, list[Signals]] = {word: [] for word in words}
        for labels, signals in seen(count * len(words), seed, chosen):
            found[names[labels[0]]].append(signals)
        return found

    return Subject(model, by_word(each, TEST_SEED), by_word(examples, EXAMPLE_SEED), seen(others, OTHER_SEED, None))


def fitted(subject: Subject, word: str, few: int) -> CompiledPolicies:
    """The policy ``prompts: [word]`` with that many example pictures."""
    digests = [sha256(f"{word} {at}".encode()).hexdigest() for at in range(few)]
    pairs = list(zip(digests, subject.examples[word], strict=False))
    assets = {each: Asset(each, each, signals=signals) for each, signals in pairs}
    named = tuple(AssetName(each, each, Location("few.yaml")) for each in assets)
    policy = Policy("few", word, (word,), {"review": 0.5}, examples=Examples(named))
    background = background_lines(SHIPPED_BACKGROUND.read_text("utf-8"))
    encoder, decoder = subject.model.encoder, subject.model.decoder
    pictures = Pictures(encoder, decoder, _CACHE, neutral_pictures)
    live = LivePolicies(encoder, _TEXTS, Hooks(), pictures)
    return live.compiled(PolicySet((policy,), Defaults(background=background)), assets)


_CACHE, _TEXTS = MemoryFeatureCache(10_000), MemoryTextCache()


def scores(subject: Subject, word: str, few: int) -> tuple[Scores, Scores]:
    """Of the scenes that show the thing, and of those that do not."""
    compiled, name = fitted(subject, word, few), load_lexicon()[_index(word)].name
    others = [signals for labels, signals in subject.others if name not in labels]
    return compiled.look(subject.test[word]).scores[:, 0], compiled.look(others).scores[:, 0]


def recall_at(precision: float, shown: Scores, others: Scores) -> float:
    """The greatest recall of a threshold that has at least that precision."""
    every = np.concatenate([shown, others])
    order = np.argsort(-every, kind="stable")
    hits = np.cumsum(order < len(shown))
    last = np.append(np.diff(every[order]) != 0, True)
    enough = last & (hits >= precision * np.arange(1, len(every) + 1)) & (every[order] > 0)
    return float(hits[enough].max(initial=0) / len(shown))


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """The 95% bootstrap interval of the mean over words."""
    given = np.asarray(values)
    means = given[np.random.default_rng(0).integers(0, len(given), (draws, len(given)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _index(word: str) -> int:
    return next(index for index, called in held_out().items() if called == word)


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--each", type=int, default=60)
    asked.add_argument("--others", type=int, default=3000)
    given = asked.parse_args()
    model = assembly.load_model(load_settings({"decode_in": "threads"}), one_caller=True)
    subject = drawn(model, WORDS, given.each, max(FEW), given.others)
    say("| examples | recall at 0.95 precision | least of a word | recall at 0.5 | false flags at 0.5 |")
    say("|---|---|---|---|---|")
    for few in FEW:
        found = [scores(subject, word, few) for word in WORDS]
        recalls = [recall_at(PRECISION, *each) for each in found]
        low, high = interval(recalls)
        at_half = np.mean([(shown >= 0.5).mean() for shown, _ in found])
        false = np.mean([(others >= 0.5).mean() for _, others in found])
        say(f"| {few} | {np.mean(recalls):.2f} ({low:.2f} to {high:.2f}) | {min(recalls):.2f} "
              f"| {at_half:.2f} | {false:.2%} |")  # fmt: skip


if __name__ == "__main__":
    main()
