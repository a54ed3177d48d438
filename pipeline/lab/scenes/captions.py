"""Captions say what a scene shows in a person's words: CLDR names and keywords through varied templates.

Part of the keywords is held out: no caption ever uses them, so that a model can be asked about words that it was
never taught.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from random import Random

from pipeline.lab.scenes.lexicon import NOTHING, Emoji, load_lexicon

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
    "a small picture of {}",
    "a screenshot with {}",
)
JOINTS = (" and ", " next to ", " beside ", " with ", ", ")
"""One of them stands between the last two things that a caption names."""
MOST_NAMED = 3
COMMON = 3  # a keyword of more emoji than these names none of them: alone in a caption it would fit too many scenes
HELD_OUT_SHARE = 0.15


def is_held_out(keyword: str) -> bool:
    """Whether no caption may use a keyword: about `HELD_OUT_SHARE` of them, told by a hash of the words."""
    digest = hashlib.sha256(keyword.lower().encode()).digest()
    return digest[0] < HELD_OUT_SHARE * 256


@cache
def telling_keywords() -> tuple[tuple[str, ...], ...]:
    """For each emoji its ASCII keywords that `COMMON` emoji or fewer have, held out or not."""
    counts = Counter(word.lower() for emoji in load_lexicon() for word in (*emoji.keywords, emoji.name))
    return tuple(
        tuple(word for word in emoji.keywords if counts[word.lower()] <= COMMON and word.isascii())
        for emoji in load_lexicon()
    )


@cache
def _taught() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """For each emoji its telling keywords and all its keywords, without those held out."""
    pairs = zip(telling_keywords(), (emoji.keywords for emoji in load_lexicon()), strict=True)
    return tuple(
        (tuple(word for word in telling if not is_held_out(word)), tuple(w for w in every if not is_held_out(w)))
        for telling, every in pairs
    )


def with_article(noun: str, random: Random) -> str:
    """The noun bare, or with "the", or with "a" or "an"; what looks like a plural takes no "a"."""
    choice = random.random()
    if choice < 0.3:  # noqa: PLR2004 - bare for three in ten, "the" for one in ten
        return noun
    if choice < 0.4:  # noqa: PLR2004
        return f"the {noun}"
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def name_thing(index: int, random: Random) -> str:
    """One emoji in words: mostly its name; at times a keyword of its own, or the name and any keyword."""
    emoji: Emoji = load_lexicon()[index]
    telling, every = _taught()[index]
    choice = random.random()
    if choice < 0.15 and telling:  # noqa: PLR2004 - names are what we test on; keywords widen the vocabulary
        return with_article(random.choice(telling), random)
    if choice < 0.3 and every:  # noqa: PLR2004
        return f"{with_article(emoji.name, random)}, {random.choice(every)}"
    return with_article(emoji.name, random)


def caption(shown: Sequence[int], random: Random) -> tuple[str, list[int]]:
    """A caption for a scene that shows these emoji, and which of them it names: one at least, three at most."""
    count = random.randint(1, min(len(shown), MOST_NAMED))
    named = random.sample(shown, count)
    *others, last = [name_thing(index, random) for index in named]
    words = f"{', '.join(others)}{random.choice(JOINTS)}{last}" if others else last
    text = random.choice(TEMPLATES).format(words)
    return (text.lower() if random.random() < 0.8 else text), named  # noqa: PLR2004 - case varies a little


def captions(shown: Sequence[Sequence[int]], seed: int) -> tuple[list[str], list[list[int]]]:
    """Captions of a batch of scenes, and what each names; the same seed gives the same captions.

    ``shown`` holds lexicon indices. Its rows, and those of what is named, are filled up with `NOTHING`.
    """
    random = Random(seed)
    pairs = [caption([index for index in row if index != NOTHING], random) for row in shown]
    named = [row + [NOTHING] * (MOST_NAMED - len(row)) for _, row in pairs]
    return [text for text, _ in pairs], named
