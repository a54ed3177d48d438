"""Policy files: what holds becomes a policy set, what does not is named with its file and line."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.rules.policies.backgrounds import LEAST_BACKGROUND
from pipeline.rules.policies.files import BUILT_IN, FILE_LIMIT, files_of, parse_policies
from pipeline.rules.policies.lengths import TokenCounter
from pipeline.rules.policies.policy_set import CalibratedFor, Defaults, Policy, PolicySet, policy_version

WEAPONS = b"""\
# knives and bombs
title: Weapons
owner: trust@example.com
prompts:
  - a kitchen knife
  - a bomb
unless:
  - cutlery
actions:
  review: 0.6
  block: 0.9
"""


def problems(content: bytes, name: str = "weapons.yaml", **others: bytes) -> list[str]:
    files = {f"policies/{name}": content} | {f"policies/{key}": value for key, value in others.items()}
    with pytest.raises(PolicyError) as refused:
        parse_policies(files)
    return [str(problem) for problem in refused.value.problems]


def version(content: bytes, defaults: bytes = b"templates: ['{}']") -> str:
    files = {"policies/weapons.yaml": content, "policies/_defaults.yaml": defaults}
    return parse_policies(files).policies[0].version


def test_a_sound_file_becomes_a_policy_named_by_its_stem() -> None:
    policy_set = parse_policies({"policies/weapons.yaml": WEAPONS})
    (policy,) = policy_set.policies
    assert (policy.id, policy.mode, policy.prompts) == ("weapons", "enforce", ("a kitchen knife", "a bomb"))
    assert policy.severest(0.95) == ("block", 0.9)
    assert policy.severest(0.6) == ("review", 0.6)
    assert policy.lowest == 0.6


def test_a_text_that_is_folded_over_several_lines_is_one_line() -> None:
    folded = WEAPONS.replace(b"- a bomb", b"- >-\n    a bomb with\n    a fuse")
    folded += b"description: >-\n  Knives\n  and bombs.\n"
    (policy,) = parse_policies({"policies/weapons.yaml": folded}).policies
    assert (policy.prompts[1], policy.description) == ("a bomb with a fuse", "Knives and bombs.")


def test_every_problem_of_every_file_is_reported_at_once() -> None:
    found = problems(WEAPONS.replace(b"block: 0.9", b"block: 7"), **{"tobacco.yaml": b"title: 3\n"})
    assert {each.split(":")[0] for each in found} == {"policies/weapons.yaml", "policies/tobacco.yaml"}


def test_the_model_that_thresholds_were_set_for_is_kept_and_makes_no_new_version() -> None:
    content = WEAPONS + b"calibrated:\n  model: small\n  fingerprint: 0e5bdb7b719df39c\n"
    (policy,) = parse_policies({"policies/weapons.yaml": content}).policies
    assert policy.calibrated == CalibratedFor("small", "0e5bdb7b719df39c")
    assert version(content) == version(WEAPONS)


def test_two_files_may_not_share_an_id() -> None:
    assert "is taken by" in problems(WEAPONS, **{"weapons.yml": WEAPONS})[0]


def test_a_file_past_the_limit_is_refused_unparsed() -> None:
    assert "more than 1,048,576 bytes" in problems(b"#" * (FILE_LIMIT + 1))[0]


def test_a_template_needs_its_braces_once() -> None:
    (found,) = problems(WEAPONS, **{"_defaults.yaml": b"templates:\n  - a photo\n"})
    assert found.startswith("policies/_defaults.yaml:2: ")


def test_a_background_file_that_is_missing_is_refused() -> None:
    (found,) = problems(WEAPONS, **{"_defaults.yaml": b"background: _nothing.txt\n"})
    assert found.startswith("policies/_defaults.yaml:1: ")
    assert "_nothing.txt" in found


EVERYDAY = "".join(f"thing number {number}\n" for number in range(LEAST_BACKGROUND)).encode()


def with_background(content: bytes, *, defaults: bytes = b"background: things.txt\n") -> dict[str, bytes]:
    return {"p/weapons.yaml": WEAPONS, "p/_defaults.yaml": defaults, "p/things.txt": content}


def test_a_folder_that_names_no_background_gets_the_built_in_one() -> None:
    for files in (
        {"p/weapons.yaml": WEAPONS},
        {"p/weapons.yaml": WEAPONS, "p/_defaults.yaml": b"templates: ['{}']\n"},
        {"p/weapons.yaml": WEAPONS, "p/_defaults.yaml": b"background:\n"},
        {"p/weapons.yaml": WEAPONS, "p/_background.txt": b"a cup\n"},
    ):
        background = parse_policies({**files, BUILT_IN: EVERYDAY}).defaults.background
        assert background == tuple(EVERYDAY.decode().splitlines())


def test_a_background_that_is_named_stands_in_place_of_the_built_in_one() -> None:
    other = EVERYDAY.replace(b"thing", b"other")
    policy_set = parse_policies({**with_background(other), BUILT_IN: EVERYDAY})
    assert policy_set.defaults.background[0] == "other number 0"
    assert not policy_set.defaults.shipped


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"# a cup\n\n", 0),
        (EVERYDAY[: EVERYDAY.rindex(b"thing")], LEAST_BACKGROUND - 1),
        (b"a cup\nA cup\na  cup\n" * LEAST_BACKGROUND, 1),
    ],
    ids=["empty", "comments", "one too few", "the same again and again"],
)
def test_a_thin_background_is_refused_unless_the_file_says_so_in_so_many_words(content: bytes, lines: int) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policies(with_background(content))
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == ("p/_defaults.yaml", 1)
    assert f"things.txt has {lines} different lines; with fewer than {LEAST_BACKGROUND}" in problem.reason
    assert "allow_thin_background: true" in problem.reason
    allowed = b"background: things.txt\nallow_thin_background: true\n"
    assert parse_policies(with_background(content, defaults=allowed)).defaults.thin


def test_an_installation_without_its_background_flags_nothing_by_chance() -> None:
    with pytest.raises(PolicyError, match="the built-in background has 0 different lines"):
        parse_policies({"p/weapons.yaml": WEAPONS, BUILT_IN: b""})


def test_the_built_in_background_makes_the_same_version_as_the_same_lines_in_a_file() -> None:
    built_in = parse_policies({"p/weapons.yaml": WEAPONS, BUILT_IN: EVERYDAY})
    assert built_in.version == parse_policies({**with_background(EVERYDAY), BUILT_IN: EVERYDAY}).version


def test_defaults_under_a_wrong_name_are_refused_and_not_left_out() -> None:
    for name in ("_defaults.yml", "_default.yaml", "_Defaults.yaml"):
        (found,) = problems(WEAPONS, **{name: b"templates: ['{}']\n"})
        assert found == f"policies/{name}: not read under this name; rename it to _defaults.yaml"


def test_the_files_of_a_set_are_those_that_make_it_again() -> None:
    files = {**with_background(EVERYDAY), BUILT_IN: b"x\n", "p/notes.txt": b"x", "p/_old.yaml": b"x"}
    policy_set = parse_policies(files)
    kept = files_of(policy_set, files)
    assert sorted(kept) == ["p/_defaults.yaml", "p/things.txt", "p/weapons.yaml"]
    assert parse_policies(kept).version == policy_set.version


def test_each_sample_knows_its_line() -> None:
    content = WEAPONS + b"tests:\n  must_flag: [a.png,\n    b.png]\n  must_pass:\n    - c.png\n    - a.png\n"
    (policy,) = parse_policies({"p/weapons.yaml": content}).policies
    assert {key: where.line for key, where in policy.samples.items()} == {
        ("must_flag", "a.png"): 13,
        ("must_flag", "b.png"): 14,
        ("must_pass", "c.png"): 16,
        ("must_pass", "a.png"): 17,
    }


def test_an_empty_folder_is_refused() -> None:
    with pytest.raises(PolicyError, match="no policy in it"):
        parse_policies({})


def test_text_past_the_context_length_is_refused_with_its_line() -> None:
    counter = TokenCounter(lambda text: len(text.split()) + 2, 12)
    long = WEAPONS.replace(b"- a bomb", b"- " + b"very " * 20 + b"big bomb")
    with pytest.raises(PolicyError, match=r"weapons.yaml:6: .* tokens past the model's 12"):
        parse_policies({"policies/weapons.yaml": long}, counter)


def test_a_line_of_the_background_past_the_context_length_is_refused_with_its_line() -> None:
    counter = TokenCounter(lambda text: len(text.split()) + 2, 12)
    content = EVERYDAY + b"# " + b"not " * 20 + b"a line\n\n" + b"very " * 20 + b"long\n"
    with pytest.raises(PolicyError, match=rf"things.txt:{LEAST_BACKGROUND + 3}: .* tokens past the model's 12"):
        parse_policies(with_background(content), counter)


def test_the_version_changes_with_what_decides_and_with_nothing_else() -> None:
    before = version(WEAPONS)
    assert version(WEAPONS.replace(b"trust@", b"safety@").replace(b"# knives", b"# blades")) == before
    assert version(WEAPONS.replace(b"a bomb", b"a grenade")) != before
    assert version(WEAPONS.replace(b"0.9", b"0.8")) != before
    assert version(WEAPONS, b"templates: ['a photo of {}.']") != before


def test_versions_stay_the_same_between_releases() -> None:
    """They stand in every decision and in its id: an upgrade alone is no other policy."""
    policy = Policy("knives", "Knives", ("a knife", "a sword"), {"review": 0.6, "block": 0.9}, ("a fork",), "shadow")
    defaults = Defaults(("a photo of {}.", "{}"), ("a cup", "a tree"), 0.8)
    version = policy_version(policy, defaults)
    assert version == "f9768fdf3979"
    assert PolicySet((replace(policy, version=version),), defaults).version == "3b4b09975bde"


def test_the_severest_action_that_a_score_reaches_is_taken_with_its_threshold() -> None:
    policy = Policy("p", "P", ("a",), {"block": 0.9, "label": 0.2, "review": 0.5})
    found = [policy.severest(score) for score in (0.2, 0.49, 0.5, 0.9, 1.0)]
    assert found == [("label", 0.2), ("label", 0.2), ("review", 0.5), ("block", 0.9), ("block", 0.9)]
    assert policy.lowest == 0.2
    with pytest.raises(ValueError, match="empty"):
        policy.severest(0.19)
    assert Policy("q", "Q", ("a",), {}).lowest > 1


def test_a_sentence_of_as_many_tokens_as_the_model_reads_is_not_too_long() -> None:
    counter = TokenCounter(lambda sentence: len(sentence.split()), 4)
    assert [counter.excess(" ".join(["word"] * count)) for count in (1, 4, 5, 9)] == [0, 0, 1, 5]
    never_asked = TokenCounter(lambda _: 99, 8)
    assert [never_asked.excess(text) for text in ("123456", "1234567", "\u00e4\u00e4\u00e4", "\u00e4" * 4)] == [
        0,
        91,
        0,
        91,
    ]


def test_background_lines_are_taken_without_comments_and_repeats() -> None:
    policy_set = parse_policies(
        {
            "p/weapons.yaml": WEAPONS,
            "p/_defaults.yaml": b"background: _background.txt\nallow_thin_background: true\n",
            "p/_background.txt": b"# things\na cup\n\n a tree \na cup\n",
        }
    )
    assert policy_set.defaults.background == ("a cup", "a tree")


def assert_policy_or_refusal(content: bytes) -> None:
    try:
        found = len(parse_policies({"policies/weapons.yaml": content}).policies)
    except PolicyError as error:
        found = sum(problem.file == "policies/weapons.yaml" for problem in error.problems)
    assert found


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_are_a_policy_or_a_refusal(content: bytes) -> None:
    assert_policy_or_refusal(content)


@given(st.binary(max_size=60), st.binary(max_size=60), st.sampled_from([b"", b"a cup\n", b"\xff"]))
@settings(max_examples=200)
def test_whatever_the_defaults_the_background_and_the_built_in_one_hold_it_is_a_set_or_a_refusal(
    defaults: bytes, background: bytes, built_in: bytes
) -> None:
    counter = TokenCounter(lambda text: len(text.split()) + 2, 12)
    for named in (b"", b"background: things.txt\nallow_thin_background: true\n"):
        files = with_background(background, defaults=named + defaults)
        with suppress(PolicyError):
            assert parse_policies({**files, BUILT_IN: built_in}, counter).policies


@given(st.binary(max_size=40), st.integers(0, len(WEAPONS)))
@settings(max_examples=200)
def test_a_file_with_bytes_put_in_anywhere_is_a_policy_or_a_refusal(junk: bytes, place: int) -> None:
    assert_policy_or_refusal(WEAPONS[:place] + junk + WEAPONS[place:])


def test_versions_are_the_same_from_one_release_to_the_next() -> None:
    """They stand in decisions that are kept, so what is hashed must not change with how policies are judged."""
    files = {
        "p/weapons.yaml": b"title: Weapons\nprompts: [a kitchen knife, a bomb]\nunless: [cutlery]\n"
        b"actions: {review: 0.6, block: 0.9}\n",
        "p/alcohol.yaml": b"title: Alcohol\nmode: shadow\nprompts: [a glass of beer]\nactions: {label: 0.5}\n",
        "p/_defaults.yaml": b"background: things.txt\nallow_thin_background: true\n",
        "p/things.txt": b"a cup\na tree\n",
    }
    found = parse_policies(files)
    versions = {each.id: each.version for each in found.policies}
    assert versions == {"alcohol": "0be0dafa10f0", "weapons": "6c2d02dbdc7c"}
    assert found.version == "b2e862fd7b52"
