"""How much a few pictures tell: the tables of "Show instead of tell" in `policies/README.md`.

``python -m tests.lab.few_shot`` draws fresh scenes, fits the head of examples to the first N of a thing, and prints

- of things called by words that training held out: recall at 0.95 precision over all other scenes, and what the text
  adds beside the pictures, against the greater score of the two (``WEIGHT = 0``);
- of the shipped policies, whose words the model knows, what each finds and flags at its own thresholds.

The words are one half of those held out, by lot, apart by whether the text alone finds a tenth. The discriminant's
constants were chosen on ten words and other scenes, the text's weight by cross-validation over the words of the first
half; on the words and scenes of ``--half second`` nothing was chosen. A run takes some three minutes of one core,
nearly all of which goes into 9,000 scenes: each is drawn and encoded once, and all words are judged together.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.local.neutral_pictures import neutral_pictures
from pipeline.adapters.local.policy_folder import SHIPPED_BACKGROUND, policies_in
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import extract
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import SEED, emoji_scenes, policy_scenes
from pipeline.lab.scenes.wordings import held_out
from pipeline.path.live import LivePolicies
from pipeline.path.pictures import Pictures
from pipeline.ports import Hooks
from pipeline.rules.heads import CompiledPolicies, fitting
from pipeline.rules.heads.examples import ExamplesHead
from pipeline.rules.policies.assets import Asset
from pipeline.rules.policies.backgrounds import background_lines
from pipeline.rules.policies.policy_set import AssetName, Defaults, Examples, Location, Policy, PolicySet
from pipeline.signals import Signals
from workers import assembly
from workers.settings import load_settings
from workers.terminal.plain import say

Half = Literal["first", "second"]
FEW = (0, 1, 2, 4, 8, 16)
FIRST_SEED: dict[Half, int] = {"first": SEED + 4001, "second": SEED + 5001}
PRECISION = 0.95
TOGETHER = 256
"""Scenes judged at once."""
UNKNOWN = 0.1
"""Of a word by which the text alone finds fewer, the model is taken not to know it."""
Scores = NDArray[np.float64]
Seen = list[tuple[Example, Signals]]


@dataclass(frozen=True)
class Subject:
    """A model that judges, and what it sees of fresh scenes."""

    live: LivePolicies
    names: dict[str, str]
    """By word, what the lexicon calls its thing."""
    test: dict[str, list[Signals]]
    """By word."""
    examples: dict[str, list[Signals]]
    others: Seen
    """Of everything."""
    of_policies: Seen
    examples_of_policies: Seen


def words_of(half: Half) -> dict[int, str]:
    """Held-out words by the emoji that they stand for, whatever the model makes of them."""
    words = held_out()
    things = sorted(words)
    Random(14).shuffle(things)
    middle = len(things) // 2
    return {index: words[index] for index in (things[:middle] if half == "first" else things[middle:])}


def drawn(half: Half, each: int, others: int) -> Subject:
    """Draw and encode the scenes: `each` of every word, and `others` of everything."""
    called, seed = words_of(half), FIRST_SEED[half]
    model = assembly.load_model(load_settings({"decode_in": "threads"}), one_caller=True)
    pictures = Pictures(model.encoder, model.decoder, MemoryFeatureCache(1000), neutral_pictures)
    live = LivePolicies(model.encoder, MemoryTextCache(), Hooks(), pictures)

    def seen(scenes: Dataset) -> Seen:
        found = extract(scenes, model.decoder, model.encoder, threads=1)
        return list(zip(found.examples, found.signals, strict=True))

    names = {load_lexicon()[index].name: word for index, word in called.items()}

    def by_word(count: int, seed: int) -> dict[str, list[Signals]]:
        found: dict[str, list[Signals]] = {word: [] for word in called.values()}
        for example, signals in seen(emoji_scenes(count * len(called), seed, things=list(called))):
            found[names[example.labels[0]]].append(signals)
        return found

    return Subject(
        live,
        {word: name for name, word in names.items()},
        by_word(each, seed),
        by_word(max(FEW), seed + 1),
        seen(emoji_scenes(others, seed + 2)),
        seen(policy_scenes(40, 800, seed + 3)),
        seen(policy_scenes(max(FEW), 0, seed + 4)),
    )


@contextmanager
def text_counts(weight: float) -> Iterator[None]:
    """What the text counts beside the pictures; with 0 a score is the greater of the two."""
    before, fitting.WEIGHT = fitting.WEIGHT, weight
    try:
        yield
    finally:
        fitting.WEIGHT = before


def shown(policy: Policy, pictures: Sequence[Signals]) -> tuple[Policy, dict[str, Asset]]:
    """The policy with these pictures as examples, and them."""
    digests = [sha256(f"{policy.id} {at}".encode()).hexdigest() for at in range(len(pictures))]
    assets = {each: Asset(each, each, signals=signals) for each, signals in zip(digests, pictures, strict=True)}
    names = tuple(AssetName(each, each, Location("few.yaml")) for each in assets)
    return replace(policy, examples=Examples(names)), assets


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one word with so many pictures."""

    recall: float
    """At `PRECISION`."""
    at_half: float
    """Recall at a threshold of 0.5."""
    falsely: float
    """Share of the other scenes that reach 0.5."""
    used: bool


def of_words(subject: Subject, words: Sequence[str], few: int) -> dict[str, Found]:
    """Judge each word's scenes and all others by the policy ``prompts: [word]`` with that many pictures."""
    ids = {f"word-{at:03}": word for at, word in enumerate(words)}
    made = [
        shown(Policy(id_, word, (word,), {"review": 0.5}), subject.examples[word][:few]) for id_, word in ids.items()
    ]
    assets = {path: asset for _, of in made for path, asset in of.items()}
    policies = PolicySet(tuple(policy for policy, _ in made), Defaults(background=_background()))
    compiled = subject.live.compiled(policies, assets)
    others, used = scores(compiled, [signals for _, signals in subject.others]), set(_judging(compiled))
    found: dict[str, Found] = {}
    for column, id_ in enumerate(compiled.ids):
        word = ids[id_]
        hits = scores(compiled, subject.test[word])[:, column]
        shows = np.array([subject.names[word] in scene.labels for scene, _ in subject.others])
        misses = others[~shows, column]
        at_half, falsely = float((hits >= 0.5).mean()), float((misses >= 0.5).mean())
        found[word] = Found(recall_at(PRECISION, hits, misses), at_half, falsely, id_ in used)
    return found


def scores(compiled: CompiledPolicies, images: Sequence[Signals]) -> Scores:
    """``float64[N,K]``, as decisions have them."""
    parts = [compiled.look(images[at : at + TOGETHER]).scores for at in range(0, len(images), TOGETHER)]
    return np.concatenate(parts)


def recall_at(precision: float, hits: Scores, misses: Scores) -> float:
    """The greatest recall of a threshold that has at least that precision."""
    every = np.concatenate([hits, misses])
    order = np.argsort(-every, kind="stable")
    right = np.cumsum(order < len(hits))
    last = np.append(np.diff(every[order]) != 0, True)
    enough = last & (right >= precision * np.arange(1, len(every) + 1)) & (every[order] > 0)
    return float(right[enough].max(initial=0) / len(hits))


def interval(values: Sequence[float], draws: int = 2000) -> str:
    """The mean over words, and its 95% bootstrap interval."""
    given = np.asarray(values)
    means = given[np.random.default_rng(0).integers(0, len(given), (draws, len(given)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{given.mean():.2f} ({low:.2f} to {high:.2f})"


def print_words(subject: Subject) -> None:
    """The tables of held-out words: those that the text does not know, and the others."""
    alone = of_words(subject, list(subject.names), 0)
    unknown = [word for word, found in alone.items() if found.recall < UNKNOWN]
    for words in (unknown, [word for word in alone if word not in unknown]):
        say(f"{len(words)} words")
        say("| pictures | used | found | least of a word | more than by the greater | at 0.5 | wrongly at 0.5 |")
        say("|---|---|---|---|---|---|---|")
        for few in FEW:
            found = of_words(subject, words, few)
            with text_counts(0.0):
                greater = of_words(subject, words, few)
            say(_line(few, list(found.values()), [found[word].recall - greater[word].recall for word in words]))


def _line(few: int, found: Sequence[Found], more: Sequence[float]) -> str:
    recalls = [each.recall for each in found]
    at_half, falsely = np.mean([each.at_half for each in found]), np.mean([each.falsely for each in found])
    return (
        f"| {few} | {sum(each.used for each in found)} of {len(found)} | {interval(recalls)} | {min(recalls):.2f} "
        f"| {interval(more)} | {at_half:.2f} | {falsely:.2%} |"
    )


def print_policies(subject: Subject) -> None:
    """What the shipped policies find and flag at their own thresholds, with so many pictures each."""
    shipped = policies_in(SHIPPED_BACKGROUND.parent)
    say("| pictures | policies that use them | found | of | flagged | rightly |")
    say("|---|---|---|---|---|---|")
    for few in FEW:
        made = [shown(policy, _pictures(subject, policy.id)[:few]) for policy in shipped.active]
        assets = {path: asset for _, of in made for path, asset in of.items()}
        compiled = subject.live.compiled(replace(shipped, policies=tuple(each for each, _ in made)), assets)
        right, shows, flags = (sum(each) for each in zip(*_counted(subject, compiled), strict=True))
        say(f"| {few} | {len(_judging(compiled))} | {right / shows:.3f} | {shows} | {flags} | {right / flags:.3f} |")


def _pictures(subject: Subject, policy: str) -> list[Signals]:
    return [signals for scene, signals in subject.examples_of_policies if policy in scene.labels]


def _counted(subject: Subject, compiled: CompiledPolicies) -> Iterator[tuple[int, int, int]]:
    """For each policy how many scenes it flags rightly, how many show it, and how many it flags."""
    every = scores(compiled, [signals for _, signals in subject.of_policies])
    for column, policy in enumerate(compiled.policies):
        counts = np.array([policy.id not in scene.ignore for scene, _ in subject.of_policies])
        shows = np.array([policy.id in scene.labels for scene, _ in subject.of_policies]) & counts
        flags = (every[:, column] >= policy.lowest) & counts
        yield int((shows & flags).sum()), int(shows.sum()), int(flags.sum())


def _judging(compiled: CompiledPolicies) -> list[str]:
    return [policy for head in compiled.heads if isinstance(head, ExamplesHead) for policy in head.ids]


@cache
def _background() -> tuple[str, ...]:
    return tuple(background_lines(SHIPPED_BACKGROUND.read_text("utf-8")))


def main() -> None:
    """Print both tables."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--half", choices=list(FIRST_SEED), default="first", help="of the words")
    asked.add_argument("--each", type=int, default=25, help="scenes of each word")
    asked.add_argument("--others", type=int, default=3000, help="scenes of everything")
    given = asked.parse_args()
    subject = drawn(given.half, given.each, given.others)
    print_words(subject)
    print_policies(subject)


if __name__ == "__main__":
    main()
