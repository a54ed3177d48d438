"""Captions: what a scene shows, in a person's words, from CLDR names and keywords through varied templates."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

from pipeline.lab.lexicon import Emoji, load_lexicon

TEMPLATES = (
    "{}",
    "a photo of {}",
    "a photo of {}.",
    "a picture of {}",
    "a picture of {}.",
    "an image of {}",
    "a close-up of {}",
    "a drawing of {}",
    "{} on a table",
    "this is {}",
    "there is {} in the picture",
    "a blurry photo of {}",
)
COMMON = 3  # a keyword that more emoji share names none of them; alone it would be a false negative


@cache
def _telling_keywords() -> tuple[tuple[str, ...], ...]:
    """For each emoji the keywords that few others share."""
    counts = Counter(word.lower() for emoji in load_lexicon() for word in (*emoji.keywords, emoji.name))
    return tuple(
        tuple(word for word in emoji.keywords if counts[word.lower()] <= COMMON and word.isascii())
        for emoji in load_lexicon()
    )


def with_article(noun: str, random: Random) -> str:
    """The noun bare, or with "a"/"an" or "the"; what looks like a plural takes no "a"."""
    choice = random.random()
    if choice < 0.3:  # noqa: PLR2004 - three ways, about equally often
        return noun
    if choice < 0.4:  # noqa: PLR2004
        return f"the {noun}"
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def name_thing(index: int, random: Random) -> str:
    """One emoji in words: mostly its name; at times a keyword of its own, or the name and any keyword."""
    emoji: Emoji = load_lexicon()[index]
    telling = _telling_keywords()[index]
    choice = random.random()
    if choice < 0.15 and telling:  # noqa: PLR2004 - names are what we test on; keywords widen the vocabulary
        return with_article(random.choice(telling), random)
    if choice < 0.3 and emoji.keywords:  # noqa: PLR2004
        return f"{with_article(emoji.name, random)}, {random.choice(emoji.keywords)}"
    return with_article(emoji.name, random)


def caption(first: int, second: int, random: Random) -> str:
    """A scene's caption: its main thing, and the second thing where there is one (``second >= 0``)."""
    words = name_thing(first, random)
    if second >= 0:
        words = f"{words} and {name_thing(second, random)}"
    text = random.choice(TEMPLATES).format(words)
    return text.lower() if random.random() < 0.8 else text  # noqa: PLR2004 - case varies a little


def captions(first: list[int], second: list[int], seed: int) -> list[str]:
    """Captions of a batch of scenes; the same seed gives the same captions."""
    random = Random(seed)
    return [caption(one, other, random) for one, other in zip(first, second, strict=True)]
