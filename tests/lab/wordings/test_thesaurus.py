"""Words for what can be seen: which things a word is said of, and what is proposed instead of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.wordings.thesaurus import instead, meanings, noun_phrase, phrases, such_as, things_of


@pytest.mark.parametrize(
    ("sentence", "thing"),
    [
        ("smoking", "cigarette"),
        ("an e-cigarette", "cigarette"),
        ("weapons", "dagger"),
        ("a gun", "water pistol"),
        ("pills", "pill"),
    ],
)
def test_things_are_found_by_a_word_that_is_said_of_them(sentence: str, thing: str) -> None:
    assert thing in things_of(sentence)


def test_things_of_a_rare_word_come_first() -> None:
    assert things_of("a person with a syringe")[0] == "syringe"


def test_what_nothing_is_known_of_proposes_nothing() -> None:
    assert such_as("vaping") == ""
    assert such_as("smoking") == ", such as 'a cigarette', 'a no smoking'"


def test_a_phrase_is_a_noun_with_its_article_and_a_plural_has_none() -> None:
    assert [noun_phrase(each) for each in ("axe", "dagger", "crossed swords", "glass")] == [
        "an axe",
        "a dagger",
        "crossed swords",
        "a glass",
    ]
    assert len(set(phrases())) == len(phrases())
    assert {"a kitchen knife", "crossed swords"} <= set(phrases())


def test_every_wording_means_something() -> None:
    assert all(meanings().values())
    assert meanings()["weapon"] >= {"dagger", "kitchen knife"}


@given(st.text())
def test_any_sentence_may_be_asked_for(sentence: str) -> None:
    assert len(set(things_of(sentence))) == len(things_of(sentence))


def test_an_everyday_phrase_that_leaves_a_word_out_is_proposed_first() -> None:
    everyday = ["a flag", "a car", "spoon"]
    assert instead("a national flag", everyday)[0] == "a flag"
    assert instead("a dirty spoon", everyday)[0] == "a spoon"
    assert "a flag" not in instead("a flag", everyday), "it is what was said"
    assert all(":" not in each for each in instead("a big hairy spider", everyday))
