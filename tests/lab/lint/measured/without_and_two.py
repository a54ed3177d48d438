"""Negation and numbers: whether "no dog" scores dogs lower than all else, and "two dogs" two higher than one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.lint.wording import NEGATIONS, NUMBERS, words
from pipeline.lab.scenes.clutter import backgrounds
from pipeline.lab.scenes.draw import AMONG_SIZES, Recipe, generator_of, paste_things
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import NOTHING, load_lexicon
from pipeline.lab.scenes.scene_set import QUALITY, SCENE_SIZE
from pipeline.lab.scenes.wear import jpeg_bytes, to_images
from pipeline.signals import Signals
from tests.lab.lint.measured.by_words import told
from tests.lab.lint.measured.figure import Figure, Flags, Share
from tests.lab.lint.measured.subject import SEED, Scores, Subject, scores
from tests.lab.lint.measured.wordings import Tried, Wording, policy_of

APART, AS_ONE = 0.9, 0.5
"""Chances that of two scenes the one that is meant scores higher: it tells them apart, or no better than a coin."""
FORMS = ("no {bare}", "not {one}", "a picture without {one}")
NEGATED, COUNTED, EACH = 100, 40, 6
"""Things that are negated, things that are counted, and scenes of one and of two of each of those."""

Look = Callable[[Dataset], Sequence[Signals]]


def negation(subject: Subject, found: Tried, of: Flags) -> Figure:
    """Names with a negation that work, against negations of what works by itself."""
    chosen = [at for at in np.flatnonzero(of & found.works & found.names) if not _has(found.wordings[at], NEGATIONS)]
    at = np.repeat(chosen[:NEGATED], len(FORMS))
    forms = FORMS * (len(at) // len(FORMS))
    prompts = [_form(form, found.wordings[each]) for form, each in zip(forms, at, strict=True)]
    given = _scores(subject, prompts, subject.scenes.signals)
    pairs = [(given[~found.meant[:, each], row], given[found.meant[:, each], row]) for row, each in enumerate(at)]
    fails = np.array([above(*pair) <= AS_ONE for pair in pairs], bool)
    said = told(subject, "negation", prompts)
    wrong = Share("negations that score what they exclude no lower", int((said & fails).sum()), int(fails.sum()))
    return Figure("negation", _named(subject, "negation", found, of, NEGATIONS), wrong)


def counting(subject: Subject, found: Tried, of: Flags, atlas: Atlas, look: Look) -> Figure:
    """Names with a number that work, against "two" before names, on scenes of one and of two."""
    plain = [found.wordings[at].words for at in np.flatnonzero(of & found.works & found.names)]
    chosen = [each for each in plain if each.isalpha() and not each.endswith("s")][:COUNTED]
    prompts = [f"two {each}s" for each in chosen]
    one, two = (_scores(subject, prompts, look(several(atlas, chosen, number))) for number in (1, 2))
    rows = [slice(at * EACH, (at + 1) * EACH) for at in range(len(chosen))]
    apart = [above(two[each, at], one[each, at]) for at, each in enumerate(rows)]
    blind, said = np.array(apart) < APART, told(subject, "counting", prompts)
    wrong = Share("'two ...' that do not tell two from one", int((said & blind).sum()), int(blind.sum()))
    return Figure("counting", _named(subject, "counting", found, of, NUMBERS), wrong)


def above(higher: Scores, lower: Scores) -> float:
    """The chance that one of the first scores higher than one of the second; a draw is half a chance."""
    differences = np.sign(higher[:, np.newaxis] - lower[np.newaxis])
    return float((differences.mean() + 1) / 2)


def several(atlas: Atlas, things: Sequence[str], number: int) -> Dataset:
    """`EACH` scenes of so many of each thing, all of one size."""
    names = [emoji.name.lower() for emoji in load_lexicon()]
    return Dataset(f"{number} of each", list(_examples(atlas, [names.index(each) for each in things], number)), ())


def _examples(atlas: Atlas, things: Sequence[int], number: int) -> Iterator[Example]:
    for row, thing in enumerate(things):
        for scene in range(EACH):

            def draw(step: int = row * EACH + scene, thing: int = thing) -> bytes:
                return _drawn(atlas, thing, number, step)

            yield Example(f"{number} of {thing}", draw, ())


def _drawn(atlas: Atlas, thing: int, number: int, step: int) -> bytes:
    generator = generator_of(SEED + number, step)
    canvas = backgrounds(generator, 1, SCENE_SIZE)
    shown = torch.tensor([[thing] * number + [NOTHING] * (4 - number)])
    paste_things(canvas, atlas, generator, shown, Recipe(sizes=AMONG_SIZES))
    return jpeg_bytes(to_images(canvas.clamp_(0, 1))[0], QUALITY)


def _named(subject: Subject, rule: str, found: Tried, of: Flags, some: frozenset[str]) -> Share:
    """Of the wordings that work with one of these words, how many the rule tells."""
    named = [found.wordings[at].prompt for at in np.flatnonzero(of & found.works) if _has(found.wordings[at], some)]
    return Share("wordings with such a word that work", int(told(subject, rule, named).sum()), len(named))


def _has(wording: Wording, some: frozenset[str]) -> bool:
    return bool(some & set(words(wording.words)))


def _form(form: str, wording: Wording) -> str:
    return form.format(bare=wording.words, one=wording.prompt)


def _scores(subject: Subject, prompts: Sequence[str], signals: Sequence[Signals]) -> Scores:
    return scores(subject.compiled([policy_of(at, each) for at, each in enumerate(prompts)]), signals)
