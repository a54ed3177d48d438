"""Scenes of things that are called by keywords which training held out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from pipeline.lab.data.dataset import Dataset
from pipeline.lab.scenes.captions import JOINTS, TEMPLATES, is_held_out, telling_keywords
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.scene_set import SEED, emoji_scenes


def held_out() -> dict[int, str]:
    """For each emoji that has one, by its lexicon index, a telling keyword that no caption ever used."""
    names = {emoji.name.lower() for emoji in load_lexicon()}
    found: dict[int, str] = {}
    for index, keywords in enumerate(telling_keywords()):
        ours = [word for word in keywords if is_held_out(word) and word.lower() not in names]
        if ours and ours[0] not in found.values():
            found[index] = ours[0]
    return found


def is_composed(keyword: str) -> bool:
    """Whether every word of a keyword was taught in some other phrase; else one word at least is new to the model."""
    return _words(keyword) <= _taught_words()


def wording_scenes(keywords: dict[int, str], each: int, *, atlas: Atlas | None = None) -> Dataset:
    """``each`` scenes of every emoji in ``keywords``, labelled with its keyword, among the names of all others."""
    lexicon = load_lexicon()
    called = {lexicon[index].name: keyword for index, keyword in keywords.items()}
    scenes = emoji_scenes(each * len(keywords), SEED + 1, atlas=atlas, things=list(keywords))

    def renamed(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(called.get(name, name) for name in names)

    examples = [replace(example, labels=renamed(example.labels), group=None) for example in scenes.examples]
    return Dataset("emoji scenes (held-out words)", examples, renamed(scenes.classes))


@cache
def _taught_words() -> set[str]:
    texts = [*TEMPLATES, *JOINTS]
    for emoji in load_lexicon():
        texts += [emoji.name, *(word for word in emoji.keywords if not is_held_out(word))]
    return {word for text in texts for word in _words(text)}


def _words(text: str) -> set[str]:
    """Part a text as a tokenizer does: "two-hump camel" holds "hump"."""
    return set(re.findall(r"\w+|[^\w\s]+", text.lower()))
