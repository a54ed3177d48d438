"""Captions name what a scene shows, and say which of it they name."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.scenes.captions import MOST_NAMED, caption, captions, name_thing, with_article
from pipeline.lab.scenes.lexicon import NOTHING, index_of, load_lexicon

KNIFE, DOG, PIZZA, BOOKS = (index_of(name) for name in ("kitchen knife", "dog", "pizza", "books"))
ALONE = [KNIFE, NOTHING, NOTHING, NOTHING]
ALL = [KNIFE, DOG, PIZZA, BOOKS]


def words_of(index: int) -> list[str]:
    emoji = load_lexicon()[index]
    return [word.lower() for word in (emoji.name, *emoji.keywords)]


def test_same_seed_same_captions() -> None:
    assert captions([ALL] * 20, seed=1) == captions([ALL] * 20, seed=1)
    assert captions([ALL] * 20, seed=1) != captions([ALL] * 20, seed=2)


def test_captions_vary_and_mostly_say_the_name() -> None:
    texts, named = captions([ALONE] * 400, seed=0)
    assert len(set(texts)) > 40
    assert sum("kitchen knife" in text.lower() for text in texts) > 300
    assert named == [[KNIFE, NOTHING, NOTHING]] * 400


@given(st.lists(st.integers(0, len(load_lexicon()) - 1), min_size=1, max_size=4, unique=True), st.integers(0, 2**63))
def test_what_is_named_is_shown_and_stands_in_the_caption(shown: list[int], seed: int) -> None:
    text, named = caption(shown, Random(seed))
    assert 1 <= len(named) <= MOST_NAMED
    assert len({*named}) == len(named)
    assert {*named} <= {*shown}
    for index in named:
        assert any(word in text.lower() for word in words_of(index))


def test_one_two_and_three_of_four_things_are_named_about_equally_often() -> None:
    _, named = captions([ALL] * 600, seed=0)
    counts = [sum(index != NOTHING for index in row) for row in named]
    assert all(150 < counts.count(number) < 250 for number in (1, 2, 3))


def test_a_thing_is_called_by_its_name_or_its_keywords() -> None:
    random = Random(0)
    for index, emoji in enumerate(load_lexicon()):
        words = name_thing(index, random)
        assert any(name in words for name in (emoji.name, *emoji.keywords))


def test_articles_fit_the_noun() -> None:
    random = Random(0)
    assert {with_article("axe", random) for _ in range(50)} == {"axe", "an axe", "the axe"}
    assert {with_article("dress", random) for _ in range(50)} == {"dress", "a dress", "the dress"}
    assert {with_article("grapes", random) for _ in range(50)} == {"grapes", "the grapes"}
