"""Prompts that no picture shows as they are meant: kinds of things, negation, and numbers. English alone is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.lab.lint.finding import Finding
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.vocabulary import Vocabulary
from pipeline.lab.wordings.thesaurus import such_as

_KINDS = """
weapon weaponry firearm armament tobacco nicotine alcohol liquor drug narcotic medication medicine substance
chemical explosive tool vehicle animal creature plant food drink beverage clothing clothes garment apparel
furniture equipment device machinery gadget instrument appliance product item object thing stuff material
content media insect reptile mammal fruit vegetable sport game symbol gesture brand merchandise goods vice
contraband paraphernalia crime violence danger harm hazard hate hatred abuse cruelty gambling scam fraud spam
propaganda terrorism extremism injury illness disease death war politics religion wealth money sexuality emotion
activity behaviour behavior action something anything everything someone anyone somebody anybody nudity
obscenity
"""
_VAGUE = """
dangerous harmful illegal illicit inappropriate offensive unsafe explicit suspicious obscene graphic disturbing
sensitive prohibited forbidden banned adult bad violent sexual hateful toxic nasty unwanted controlled regulated
hazardous restricted recreational alcoholic edible
"""
_NEGATIONS = "no not without never none nothing nobody neither nor except isn't aren't doesn't cannot"
_NUMBERS = """
two three four five six seven eight nine ten eleven twelve dozen several many few multiple numerous
"""
_EMPTY_WORDS = """
a an the some any of in on with and or to for is are this that these those it its photo picture image photograph kind
kinds sort type form forms piece pieces various other
"""
KINDS = frozenset(_KINDS.split())
"""Words for kinds of things, for what is done and what is felt: a picture shows one of many things instead. The list
was written by hand; plurals count as well."""
VAGUE = frozenset(_VAGUE.split())
"""Words that judge what is shown, and add nothing that can be seen."""
NEGATIONS, NUMBERS = frozenset(_NEGATIONS.split()), frozenset(_NUMBERS.split())
_EMPTY = frozenset(_EMPTY_WORDS.split())


def kinds(folder: Folder) -> Iterator[Finding]:
    """Prompts that name a kind of thing, and no thing."""
    for line in folder.lines("prompts"):
        said = [word for word in words(line.sentence) if word not in _EMPTY]
        if said and all(_is_kind(word) or word in VAGUE for word in said):
            reason = f"{line.sentence!r} is a kind, and a picture shows one of its things"
            remedy = f"write each of them on a line of its own{such_as(line.sentence)}"
            yield Finding(line.policy.id, line.where, line.sentence, reason, remedy)


def negation(folder: Folder) -> Iterator[Finding]:
    """Prompts and `unless` lines that say what is not there, unless the vocabulary says so, too ("no smoking")."""
    for key in ("prompts", "unless"):
        for line in folder.lines(key):
            found = NEGATIONS.intersection(words(line.sentence))
            if found and not _named_so(line.sentence, found, folder.vocabulary):
                reason = f"{line.sentence!r} says what is not there, and a model sees what is there all the same"
                remedy = "name what is to be seen instead; what must not match goes under 'unless', without the 'no'"
                yield Finding(line.policy.id, line.where, line.sentence, reason, remedy)


def counting(folder: Folder) -> Iterator[Finding]:
    """Prompts that count."""
    for line in folder.lines("prompts"):
        found = {word for word in words(line.sentence) if word in NUMBERS or word.isdigit()}
        if found and not _named_so(line.sentence, found, folder.vocabulary):
            reason = f"{line.sentence!r} counts, and a model hardly sees how many there are"
            remedy = "name the thing, and leave the number out"
            yield Finding(line.policy.id, line.where, line.sentence, reason, remedy)


@cache
def words(sentence: str) -> tuple[str, ...]:
    """The words in small letters."""
    return tuple(re.findall(r"[\w'-]+", sentence.casefold().replace("\u2019", "'")))


def _is_kind(word: str) -> bool:
    return word in KINDS or word.removesuffix("s") in KINDS


def _named_so(sentence: str, found: frozenset[str] | set[str], vocabulary: Vocabulary) -> bool:
    """Whether a phrase of the vocabulary has these words as part of a name that the sentence holds."""
    held = set(words(sentence))
    return any(found <= set(words(phrase)) <= held | _EMPTY for phrase in vocabulary.phrases)
