"""Which emoji a drawing's file name says: by code point, as vendors' sets have it, by CLDR name, or by itself."""

from __future__ import annotations

import re
from functools import cache

from pipeline.lab.scenes.lexicon import load_lexicon

_SELECTORS = {0xFE0E, 0xFE0F}  # "as text", "as a picture"
_PREFIX = re.compile(r"^(?:emoji_u|u\+?|0x)(?=[0-9a-f])")
_CODES = re.compile(r"[0-9a-f]{4,6}(?:[-_ ][0-9a-f]{2,6})*")


def thing_of(stem: str) -> int | None:
    """The lexicon index that a file name without its suffix says; None for no emoji of the lexicon.

    ``1f52a``, ``1F52A``, ``u1f52a``, ``U+1F52A``, ``emoji_u1f52a`` and ``26a1-fe0f`` are code points;
    ``kitchen-knife``, ``kitchen_knife`` and ``Kitchen knife`` are CLDR names. A sequence (a skin tone, a family) is
    another picture, and none of the lexicon's.
    """
    word = stem.strip().lower()
    return _by_character(word) if _by_character(word) is not None else _by_name().get(_plain(word))


def _by_character(word: str) -> int | None:
    bare = _PREFIX.sub("", word)
    if _CODES.fullmatch(bare):
        points = [int(code, 16) for code in re.split(r"[-_ ]", bare)]
    else:
        points = [ord(char) for char in word]
    points = [point for point in points if point not in _SELECTORS]
    return _by_point().get(points[0]) if len(points) == 1 else None


@cache
def _by_point() -> dict[int, int]:
    return {ord(emoji.char): index for index, emoji in enumerate(load_lexicon())}


@cache
def _by_name() -> dict[str, int]:
    names: dict[str, int] = {}
    for index, emoji in enumerate(load_lexicon()):
        names.setdefault(_plain(emoji.name), index)
    return names


def _plain(name: str) -> str:
    """Letters and digits alone, a blank between words: "T-shirt", "t_shirt" and "t shirt" are one name."""
    return " ".join(re.findall(r"[^\W_]+", name.lower().replace("'", "").replace("\u2019", "")))
