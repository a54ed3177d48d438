"""What each rule finds, what it leaves alone, and where it says so, in a world whose meanings are known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.lint import wording
from pipeline.lab.lint.registry import RULES
from tests.lab.lint.worlds import THINGS, World, of_rule, policy, said

KNIFE, BLADE, SPOON = THINGS[:3]


def test_a_known_wording_raises_no_finding() -> None:
    assert said(World().folder({"p/knives.yaml": policy([KNIFE])})) == []


def test_a_wording_near_nothing_is_told_as_unknown_at_its_line() -> None:
    folder = World().folder({"p/vapes.yaml": policy([KNIFE, "vaping"])})
    assert said(folder) == [("unknown-words", "vapes", 4)]
    (told,) = of_rule(folder, "unknown-words")
    assert str(told).startswith("p/vapes.yaml:4: the model does not seem to know 'vaping'")


def test_a_wording_that_a_flagged_picture_proves_is_known() -> None:
    world = World()
    folder = world.folder({"p/vapes.yaml": policy(["vaping"])})
    shown = world.pool(folder.compiled, [world.features("vaping")], {})
    assert said(replace(folder, pool=shown)) == []


def test_a_wording_that_only_a_standing_line_is_near_is_told_with_that_line() -> None:
    folder = World({"a blade": (BLADE, 0.8)}).folder({"p/knives.yaml": policy(["a blade"])})
    (told,) = of_rule(folder, "near-background")
    assert repr(BLADE) in told.finding.reason
    assert repr(BLADE) in told.finding.remedy


def test_a_wording_with_a_line_left_out_for_it_is_not_told_so() -> None:
    folder = World({"a blade": (BLADE, 0.95)}).folder({"p/knives.yaml": policy(["a blade"])})
    assert said(folder) == []


def test_a_line_that_another_prompt_leaves_out_takes_nothing() -> None:
    folder = World({"a blade": (BLADE, 0.8)}).folder({"p/knives.yaml": policy(["a blade", BLADE])})
    assert of_rule(folder, "near-background") == []


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        ("tobacco", "kind"),
        ("a weapon", "kind"),
        ("something dangerous", "kind"),
        ("illegal drugs", "kind"),
        ("some kind of vehicle", "kind"),
        ("a person without a helmet", "negation"),
        ("not a dog", "negation"),
        ("two dogs", "counting"),
        ("3 cats", "counting"),
    ],
)
def test_wordings_that_no_picture_shows(prompt: str, rule: str) -> None:
    folder = World({prompt: (KNIFE, 0.95)}).folder({"p/some.yaml": policy([prompt])})
    assert said(folder) == [(rule, "some", 3)]


@pytest.mark.parametrize(
    "prompt", ["a cigarette", "a water pistol", "a weapon rack", "a knot", "a note", "a twosome"]
)
def test_wordings_that_name_a_thing_are_left_alone(prompt: str) -> None:
    assert said(World({prompt: (KNIFE, 0.95)}).folder({"p/some.yaml": policy([prompt])})) == []


def test_a_negation_or_number_that_is_part_of_a_known_name_is_left_alone() -> None:
    folder = World({"no smoking": (KNIFE, 1.0), "a no smoking sign": (KNIFE, 0.95)}).folder(
        {"p/signs.yaml": policy(["a no smoking sign"])}
    )
    assert said(folder) == [("negation", "signs", 3)]
    known = replace(folder.vocabulary, phrases=("no smoking", *folder.vocabulary.phrases[1:]))
    assert said(replace(folder, vocabulary=known)) == []


def test_lines_that_are_one_to_the_model_are_noted_within_a_list_and_told_across_policies() -> None:
    world = World({"the knife": (KNIFE, 0.99)})
    within = world.folder({"p/knives.yaml": policy([KNIFE, "the knife", BLADE])})
    assert said(within) == [("duplicate", "knives", 4)]
    (told,) = of_rule(within, "duplicate")
    assert str(told).startswith("note: ")
    across = world.folder({"p/blades.yaml": policy([KNIFE]), "p/knives.yaml": policy(["the knife"])})
    assert said(across) == [("two-policies", "knives", 3)]


def test_an_unless_line_that_the_background_has_is_idle_and_one_that_saves_images_is_not() -> None:
    world = World({"a fork": (SPOON, 0.97), "a toy knife": (KNIFE, 0.9)})
    folder = world.folder({"p/knives.yaml": policy([KNIFE], ["a fork", "a toy knife"])})
    (told,) = of_rule(folder, "idle-unless")
    assert "'a fork'" in told.finding.reason
    assert "a toy knife" not in told.finding.reason
    assert told.finding.where.line == 5


def test_a_threshold_next_to_one_is_told_at_its_line() -> None:
    folder = World().folder({"p/knives.yaml": policy([KNIFE], actions="\n  review: 0.5\n  block: 1.0")})
    assert said(folder) == [("unreached", "knives", 6)]


def test_samples_that_reach_no_threshold_name_it_and_the_line_in_the_way() -> None:
    world = World({"a blade": (KNIFE, 0.95)})
    folder = world.folder({"p/knives.yaml": policy([KNIFE])})
    shown = [world.beside(BLADE, 0.9) for _ in range(3)]
    pool = world.pool(folder.compiled, shown, {at: ["knives"] for at in range(3)})
    assert [rule for rule, _, _ in said(replace(folder, pool=pool))] == ["unreached"]


def test_a_line_that_alone_keeps_samples_from_being_flagged_is_told() -> None:
    world = World()
    folder = world.folder({"p/knives.yaml": policy([KNIFE])})
    both = world.features(KNIFE) + 1.1 * world.features(BLADE)
    pool = world.pool(folder.compiled, [both / (both @ both) ** 0.5], {0: ["knives"]})
    (told,) = of_rule(replace(folder, pool=pool), "in-the-way")
    assert repr(BLADE) in told.finding.reason
    assert "1 of 1 samples" in told.finding.reason


def test_a_line_in_the_way_of_one_sample_among_others_is_a_chance() -> None:
    world = World()
    folder = world.folder({"p/knives.yaml": policy([KNIFE])})
    both = world.features(KNIFE) + 1.1 * world.features(BLADE)
    kept, flagged = both / (both @ both) ** 0.5, world.features(KNIFE)
    for shown, told in (([kept, flagged, flagged], 0), ([kept, kept, flagged], 1)):
        pool = world.pool(folder.compiled, shown, {at: ["knives"] for at in range(3)})
        assert len(of_rule(replace(folder, pool=pool), "in-the-way")) == told


def test_a_prompt_that_wins_none_of_many_flagged_pictures_is_noted() -> None:
    world = World()
    folder = world.folder({"p/knives.yaml": policy([KNIFE, BLADE])})
    few = world.pool(folder.compiled, [world.features(KNIFE)] * 29, {})
    assert said(replace(folder, pool=few)) == []
    many = world.pool(folder.compiled, [world.features(KNIFE)] * 30, {})
    assert said(replace(folder, pool=many)) == [("wins-nothing", "knives", 4)]


def test_what_a_comment_accepts_is_not_told() -> None:
    text = policy(["tobacco  # lint: ok", KNIFE])
    assert said(World({"tobacco": (BLADE, 0.95)}).folder({"p/some.yaml": text})) == []


def test_a_model_that_rates_each_sentence_by_itself_is_told_nothing_of_the_background() -> None:
    world = World({"a blade": (BLADE, 0.8), "a fork": (SPOON, 0.97)}, logit_bias=-10.0)
    assert said(world.folder({"p/knives.yaml": policy(["a blade"], ["a fork"])})) == []


def test_policies_that_are_off_are_not_looked_at() -> None:
    off = policy(["tobacco"]) + "mode: off\n"
    assert said(World().folder({"p/off.yaml": off, "p/on.yaml": policy([KNIFE])})) == []


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@given(st.text())
def test_any_sentence_has_words(sentence: str) -> None:
    assert all(word == word.casefold() for word in wording.words(sentence))
