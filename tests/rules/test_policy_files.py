"""Policy files: what holds becomes a policy set, what does not is named with its file and line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.rules.policy_files import FILE_LIMIT, TokenCounter, parse_policies
from pipeline.rules.policy_set import CalibratedFor

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


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (WEAPONS.replace(b"prompts:", b"promts:"), 4, "did you mean 'prompts'?"),
        (WEAPONS.replace(b"block: 0.9", b"block: 1.2"), 11, "less than or equal to 1"),
        (WEAPONS.replace(b"block: 0.9", b"block: 0.5"), 11, "must not be below review"),
        (WEAPONS.replace(b"block: 0.9", b"delete: 0.9"), 11, "'label', 'review' or 'block'"),
        (WEAPONS.replace(b"- a bomb", b"- A  Kitchen KNIFE"), 6, "stands in prompts already"),
        (WEAPONS.replace(b"- cutlery", b"- a bomb"), 8, "stands in prompts already"),
        (WEAPONS.replace(b"- a bomb", b"- 12"), 6, "put it in quotes"),
        (WEAPONS.replace(b"- a bomb", b"- ''"), 6, "is blank"),
        (b"title: x\nprompts: []\nactions: {block: 0.5}\n", 2, "'prompts' is empty"),
        (b"title: x\nprompts: [a]\nactions: {}\n", 3, "'actions' is empty"),
        (b"title: x\nprompts: [a]\n", 1, "'actions' is missing"),
        (b"title: x\ntitle: y\nprompts: [a]\nactions: {block: 0.5}\n", 2, "duplicate key"),
        (b"title: &t x\nowner: *t\nprompts: [a]\nactions: {block: 0.5}\n", 2, "aliases"),
        (b"title: x\nprompts: [a\nactions: 3\n", 3, "not valid YAML"),
        (b"title: x\nprompts: [\xff]\n", 2, "not UTF-8"),
        (WEAPONS + b"calibrated: {model: small}\n", 12, "'calibrated.fingerprint' is missing"),
        (WEAPONS + b"calibrated:\n  model: small\n  fingerprint: 12\n", 14, "put it in quotes"),
        (WEAPONS + b"calibrated: {model: a, fingerprnt: b}\n", 12, "did you mean 'fingerprint'?"),
        (b"just text", 1, "expected 'key: value' lines"),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_what_to_do(content: bytes, line: int, says: str) -> None:
    found = problems(content)
    assert any(each.startswith(f"policies/weapons.yaml:{line}: ") and says in each for each in found), found


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
    assert "a policy file may have" in problems(b"#" * (FILE_LIMIT + 1))[0]


def test_a_template_needs_its_braces_once() -> None:
    (found,) = problems(WEAPONS, **{"_defaults.yaml": b"templates:\n  - a photo\n"})
    assert found.startswith("policies/_defaults.yaml:2: ")


def test_a_background_file_that_is_missing_is_refused() -> None:
    (found,) = problems(WEAPONS, **{"_defaults.yaml": b"background: _nothing.txt\n"})
    assert found.startswith("policies/_defaults.yaml:1: ")
    assert "_nothing.txt" in found


def test_an_empty_folder_is_refused() -> None:
    with pytest.raises(PolicyError, match="no policy in it"):
        parse_policies({})


def test_text_past_the_context_length_is_refused_with_its_line() -> None:
    counter = TokenCounter(lambda text: len(text.split()) + 2, 12)
    long = WEAPONS.replace(b"- a bomb", b"- " + b"very " * 20 + b"big bomb")
    with pytest.raises(PolicyError, match=r"weapons.yaml:6: .* tokens past the model's 12"):
        parse_policies({"policies/weapons.yaml": long}, counter)


def test_the_version_changes_with_what_decides_and_with_nothing_else() -> None:
    before = version(WEAPONS)
    assert version(WEAPONS.replace(b"trust@", b"safety@").replace(b"# knives", b"# blades")) == before
    assert version(WEAPONS.replace(b"a bomb", b"a grenade")) != before
    assert version(WEAPONS.replace(b"0.9", b"0.8")) != before
    assert version(WEAPONS, b"templates: ['a photo of {}.']") != before


def test_background_lines_are_taken_without_comments_and_repeats() -> None:
    policy_set = parse_policies(
        {
            "p/weapons.yaml": WEAPONS,
            "p/_defaults.yaml": b"background: _background.txt\n",
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


@given(st.binary(max_size=40), st.integers(0, len(WEAPONS)))
@settings(max_examples=200)
def test_a_file_with_bytes_put_in_anywhere_is_a_policy_or_a_refusal(junk: bytes, place: int) -> None:
    assert_policy_or_refusal(WEAPONS[:place] + junk + WEAPONS[place:])
