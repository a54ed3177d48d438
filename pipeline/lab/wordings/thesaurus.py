"""Words for what can be seen, and which of them are about the same: the names and keywords of the lexicon.

Unicode's annotations of emoji are an English word list that ships with Sluice as it is: 1,354 names of things, and
beside each the words that people look for it by. What a keyword says ("smoking", "weapon") has things that show it
("cigarette", "dagger"), and that is so whichever model is asked.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from pipeline.lab.scenes.captions import telling_keywords
from pipeline.lab.scenes.lexicon import load_lexicon

_EMPTY_WORDS = "a an the of in on with and or to for at by from some any no not is are"
_EMPTY = frozenset(_EMPTY_WORDS.split())
_WORDS = re.compile(r"[a-z][a-z' -]*[a-z]")


def noun_phrase(words: str) -> str:
    """The words with "a" or "an", unless they look like a plural: as a policy writer would write them."""
    if words.endswith("s") and not words.endswith("ss"):
        return words
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def with_article(phrase: str) -> str:
    """As `noun_phrase`, of what may have an article already."""
    return phrase if phrase.partition(" ")[0] in {"a", "an", "the"} else noun_phrase(phrase)


@cache
def meanings() -> Mapping[str, frozenset[str]]:
    """Each name and each keyword in small letters, with the names of the things that it is said of."""
    found: dict[str, set[str]] = defaultdict(set)
    for emoji in load_lexicon():
        found[emoji.name.lower()].add(emoji.name)
    for emoji in load_lexicon():
        for keyword in map(str.lower, emoji.keywords):
            if _WORDS.fullmatch(keyword):
                found[keyword].add(emoji.name)
    return MappingProxyType({words: frozenset(things) for words, things in found.items()})


@cache
def phrases() -> tuple[str, ...]:
    """The names of all things, and the keywords that are said of few of them: what one might write as a prompt."""
    names = [emoji.name.lower() for emoji in load_lexicon() if emoji.name.isascii()]
    keywords = [word.lower() for each in telling_keywords() for word in each if _WORDS.fullmatch(word.lower())]
    return tuple(map(noun_phrase, dict.fromkeys((*names, *keywords))))


def things_of(sentence: str) -> list[str]:
    """The names of things that share a word with the sentence, by name or keyword: those of rare words first."""
    wanted, every = stems(sentence), _stems_of_things()
    weight = {stem: 1 / _spread()[stem] for stem in wanted if stem in _spread()}
    shared = {name: sum(weight.get(stem, 0.0) for stem in wanted & own) for name, own in every.items()}
    best = sorted((name for name, weighs in shared.items() if weighs), key=lambda name: -shared[name])
    return [name.lower() for name in best]


def instead(sentence: str, phrases: Sequence[str] = (), most: int = 3) -> list[str]:
    """Things to name instead: of these everyday phrases those that leave a word out, and what shares a word."""
    wanted = stems(sentence)
    plainer = sorted((each for each in phrases if stems(each) and stems(each) < wanted), key=len, reverse=True)
    things = [name for name in things_of(sentence) if ":" not in name]
    return list(dict.fromkeys(map(with_article, (*plainer, *things))))[:most]


def such_as(sentence: str, phrases: Sequence[str] = (), most: int = 3) -> str:
    """As `instead`, to be put behind a remedy; empty where nothing is known."""
    found = [repr(each) for each in instead(sentence, phrases, most)]
    return f", such as {', '.join(found)}" if found else ""


@cache
def _stems_of_things() -> Mapping[str, frozenset[str]]:
    return {
        emoji.name: frozenset(stem for words in (emoji.name, *emoji.keywords) for stem in stems(words))
        for emoji in load_lexicon()
    }


@cache
def _spread() -> Mapping[str, int]:
    """Of how many things each word is said."""
    return Counter(stem for own in _stems_of_things().values() for stem in own)


def stems(sentence: str) -> set[str]:
    """Its words, without endings ("smoking" and "smokes" are one) and those that mean nothing by themselves."""
    words: Sequence[str] = re.findall(r"[a-z]+", sentence.lower())
    return {_stem(word) for word in words if len(word) > 1 and word not in _EMPTY}


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:  # noqa: PLR2004 - "sing" keeps its "s"
            return word.removesuffix(ending)
    return word
