"""The short merges file, read by open_clip's own tokenizer, loses nothing."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from pipeline.lab.training.bpe import MERGES, MERGES_FILE, learn_merges, lexicon_merges, lexicon_words, load_merges
from pipeline.lab.training.model import BYTE_TOKENS, SPECIAL_TOKENS

BUNDLED = Path(__file__).parents[3] / "pipeline" / "bundled_model"
TOKENIZER = SimpleTokenizer(str(BUNDLED / MERGES_FILE))


def test_vocabulary_is_bytes_merges_and_two_marks() -> None:
    assert TOKENIZER.vocab_size == BYTE_TOKENS + MERGES + SPECIAL_TOKENS
    assert len(set(TOKENIZER.encoder.values())) == TOKENIZER.vocab_size


@pytest.mark.parametrize("text", ["a photo of a kitchen knife.", "Überraschung, 東京!", "quizzaciously @#~ 12345"])
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    back = TOKENIZER.decode(TOKENIZER.encode(text))
    assert "".join(back.split()) == "".join(text.lower().split())


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", max_size=60))
def test_round_trip_of_any_words(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)).split() == text.split()


def test_words_of_the_lexicon_are_short() -> None:
    assert len(TOKENIZER.encode("a photo of a kitchen knife")) <= 10


def test_the_bundled_merges_are_those_that_the_lexicon_gives() -> None:
    assert gzip.decompress(lexicon_merges()) == gzip.decompress((BUNDLED / MERGES_FILE).read_bytes())


def test_a_merges_file_is_read_as_open_clip_reads_it_from_a_folder() -> None:
    texts = ["a photo of a kitchen knife.", "Überraschung, 東京!"]
    ours = load_merges((BUNDLED / MERGES_FILE).read_bytes(), 16)(texts)
    assert torch.equal(ours, TOKENIZER(texts, context_length=16))
    assert ours.shape == (2, 16)


def test_merges_come_most_frequent_first() -> None:
    words = lexicon_words()
    merges = learn_merges(words, 2)
    pairs = dict.fromkeys(merges, 0)
    for word, count in words.items():
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        for pair in pairwise(pieces):
            if pair in pairs:
                pairs[pair] += count
    assert pairs[merges[0]] == max(pairs.values())


def test_the_file_is_clips_format() -> None:
    lines = gzip.decompress((BUNDLED / MERGES_FILE).read_bytes()).decode().split("\n")
    assert lines[0] == "#version: 0.2"
    assert all(len(line.split(" ")) == 2 for line in lines[1:])
    assert len(lines) == MERGES + 1
