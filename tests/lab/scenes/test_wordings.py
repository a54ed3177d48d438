"""Held-out keywords are kept from every caption, and scenes can be asked for by them."""

from __future__ import annotations

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.scenes.captions import HELD_OUT_SHARE, caption, is_held_out, name_thing
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.wordings import held_out, is_composed, wording_scenes

LEXICON = load_lexicon()
HELD_OUT = held_out()
NEW = {index: word for index, word in HELD_OUT.items() if not is_composed(word)}
INDICES = st.integers(0, len(LEXICON) - 1)
SEEDS = st.integers(0, 2**63)


def bare(noun: str) -> str:
    """Without its article."""
    return re.sub(r"^(an?|the) ", "", noun)


@given(INDICES, SEEDS)
def test_no_thing_is_ever_called_by_a_held_out_keyword(index: int, seed: int) -> None:
    """A longer phrase may hold its words: "swords" is held out, "crossed swords" is a name."""
    name = LEXICON[index].name
    called = name_thing(index, Random(seed))
    pieces = {called, *called.split(", ")}
    used = {bare(piece) for piece in pieces} | pieces
    assert not used & {*HELD_OUT.values()} - {name}
    assert not any(is_held_out(keyword) for keyword in LEXICON[index].keywords if keyword in used - {name})


@given(st.lists(INDICES, min_size=1, max_size=4, unique=True), SEEDS)
def test_no_caption_holds_a_word_that_counts_as_new(shown: list[int], seed: int) -> None:
    text = caption(shown, Random(seed))[0].lower()
    for keyword in NEW.values():
        assert not re.search(rf"(?<!\w){re.escape(keyword.lower())}(?!\w)", text), keyword


def test_each_held_out_keyword_is_one_of_its_emoji_and_nobodys_name() -> None:
    names = {emoji.name.lower() for emoji in LEXICON}
    for index, keyword in HELD_OUT.items():
        assert keyword in LEXICON[index].keywords
        assert is_held_out(keyword)
        assert keyword.lower() not in names
    assert len({*HELD_OUT.values()}) == len(HELD_OUT) > 150


def test_about_the_promised_share_of_keywords_is_held_out() -> None:
    keywords = {word.lower() for emoji in LEXICON for word in emoji.keywords}
    share = sum(map(is_held_out, keywords)) / len(keywords)
    assert abs(share - HELD_OUT_SHARE) < 0.03


def test_case_does_not_change_whether_a_keyword_is_held_out() -> None:
    assert all(is_held_out(word.upper()) == is_held_out(word) for word in HELD_OUT.values() if word.isascii())


def test_a_keyword_is_composed_where_all_of_its_words_were_taught() -> None:
    assert is_composed("Kitchen bomb")
    assert is_composed("hump"), 'of "two-hump camel"'
    assert not is_composed("kitchen zyzzyva")
    assert 20 < len(NEW) < len(HELD_OUT) - 20


def test_scenes_are_asked_for_by_the_keyword_in_place_of_the_name(atlas: Atlas) -> None:
    chosen = dict(list(HELD_OUT.items())[:5])
    dataset = wording_scenes(chosen, 3, atlas=atlas)
    assert sorted(example.labels for example in dataset.examples) == sorted(
        (word,) for word in chosen.values() for _ in "123"
    )
    assert len(dataset.classes) == len({emoji.name for emoji in LEXICON})
    for index, keyword in chosen.items():
        assert keyword in dataset.classes
        assert LEXICON[index].name not in dataset.classes
    assert all(example.group is None for example in dataset.examples)
