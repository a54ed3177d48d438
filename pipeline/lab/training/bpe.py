"""Learns a short byte-pair merges file in CLIP's format from the lexicon.

CLIP's own vocabulary of 49,408 tokens would be most of a small model's weights. open_clip's ``SimpleTokenizer`` reads
any gzipped merges file (one header line, then one pair per line) and keeps all 256 bytes, so a short one still
tokenises any text; unfamiliar words merely take more tokens.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from tempfile import NamedTemporaryFile

import regex  # type: ignore[import-untyped]  # open_clip's own dependency; its tokenizer splits with it
from open_clip.tokenizer import SimpleTokenizer, bytes_to_unicode

from pipeline.lab.scenes.captions import TEMPLATES
from pipeline.lab.scenes.lexicon import load_lexicon

MERGES_FILE = "bpe_merges.txt.gz"
MERGES = 1280
_WORD = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")  # SimpleTokenizer's own pattern
Pair = tuple[str, str]


def lexicon_words() -> Counter[str]:
    """Every word of the names, keywords and templates with how often it occurs, as CLIP's printable bytes."""
    counts: Counter[str] = Counter()
    alphabet = bytes_to_unicode()
    texts = [text for emoji in load_lexicon() for text in (emoji.name, emoji.name, *emoji.keywords)]
    for text in (*texts, *TEMPLATES * 50):
        for word in _WORD.findall(text.lower()):
            counts["".join(alphabet[byte] for byte in word.encode())] += 1
    return counts


def learn_merges(words: Counter[str], count: int) -> list[Pair]:
    """The ``count`` merges that byte-pair encoding (Sennrich et al., 2016) learns; ties go to the greater pair."""
    pieces = {word: (*word[:-1], f"{word[-1]}</w>") for word in words}
    totals: Counter[Pair] = Counter()
    holders: defaultdict[Pair, set[str]] = defaultdict(set)
    for word in pieces:
        _count_pairs(word, pieces, words, totals, holders, 1)
    merges: list[Pair] = []
    while len(merges) < count and totals:
        best = max(totals, key=lambda pair: (totals[pair], pair))
        merges.append(best)
        for word in sorted(holders[best]):
            _count_pairs(word, pieces, words, totals, holders, -1)
            pieces[word] = _merge(pieces[word], best)
            _count_pairs(word, pieces, words, totals, holders, 1)
    return merges


def _count_pairs(
    word: str,
    pieces: dict[str, tuple[str, ...]],
    words: Counter[str],
    totals: Counter[Pair],
    holders: defaultdict[Pair, set[str]],
    sign: int,
) -> None:
    """Add a word's adjacent pairs to the totals, or with ``sign=-1`` take them away."""
    split = pieces[word]
    for pair in pairwise(split):
        totals[pair] += sign * words[word]
        if sign > 0:
            holders[pair].add(word)
        elif totals[pair] <= 0:
            del totals[pair]
        if sign < 0:
            holders[pair].discard(word)


def _merge(pieces: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    merged: list[str] = []
    for piece in pieces:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return tuple(merged)


@cache
def lexicon_merges() -> bytes:
    """The merges file of the lexicon; learning it takes seconds."""
    lines = ["#version: 0.2", *(" ".join(pair) for pair in learn_merges(lexicon_words(), MERGES))]
    # No final newline: SimpleTokenizer would read the empty last line as one more merge. No clock: same bytes again.
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def load_merges(merges: bytes, context_length: int) -> SimpleTokenizer:
    """The tokenizer of a merges file: texts -> ``int64[B, context_length]``."""
    with NamedTemporaryFile(suffix=".txt.gz") as file:  # open_clip reads it from a path alone
        file.write(merges)
        file.flush()
        return SimpleTokenizer(file.name, context_length=context_length)
