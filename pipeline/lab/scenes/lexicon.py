"""The lexicon: which emoji there are and what they are called, read from ``emoji.tsv``, which ships with Sluice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOTHING = -1
"""The index that stands for no thing, in an empty scene and at the end of rows that hold fewer things."""
LEXICON_FILE = Path(__file__).with_name("emoji.tsv")
HEADER = (
    "# Emoji, CLDR short name, CLDR keywords. From Unicode CLDR, (c) 1991-2022 Unicode, Inc.,"
    " SPDX-License-Identifier: Unicode-DFS-2016, http://www.unicode.org/copyright.html\n"
)


@dataclass(frozen=True, slots=True)
class Emoji:
    """One emoji: its character, its CLDR short name, and its other CLDR keywords."""

    char: str
    name: str
    keywords: tuple[str, ...]


@cache
def load_lexicon() -> tuple[Emoji, ...]:
    """Every emoji of the lexicon, in code point order; an emoji's index here is its class everywhere in the lab."""
    rows = LEXICON_FILE.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(row) for row in rows if not row.startswith("#"))


def _parse(row: str) -> Emoji:
    char, name, keywords = row.split("\t")
    return Emoji(char, name, tuple(word for word in keywords.split("|") if word))


def index_of(name: str) -> int:
    """The index of the emoji with this short name. Raises ``KeyError`` when there is none."""
    for index, emoji in enumerate(load_lexicon()):
        if emoji.name == name:
            return index
    raise KeyError(name)
