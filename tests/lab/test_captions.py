"""Captions name what a scene shows."""

from __future__ import annotations

from random import Random

from pipeline.lab.captions import captions, name_thing, with_article
from pipeline.lab.lexicon import index_of, load_lexicon

KNIFE, DOG = index_of("kitchen knife"), index_of("dog")


def test_same_seed_same_captions() -> None:
    assert captions([KNIFE] * 20, [DOG] * 20, seed=1) == captions([KNIFE] * 20, [DOG] * 20, seed=1)
    assert captions([KNIFE] * 20, [DOG] * 20, seed=1) != captions([KNIFE] * 20, [DOG] * 20, seed=2)


def test_captions_vary_and_mostly_say_the_name() -> None:
    texts = captions([KNIFE] * 400, [-1] * 400, seed=0)
    assert len(set(texts)) > 40
    assert sum("kitchen knife" in text.lower() for text in texts) > 300


def test_two_things_are_both_named() -> None:
    for text in captions([KNIFE] * 50, [DOG] * 50, seed=0):
        first, second = text.lower().split(" and ", 1)
        assert any(word in first for word in ("knife", "hocho"))
        assert any(word in second for word in ("dog", "pet"))


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
