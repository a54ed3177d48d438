"""A comment for a pull request: what it says, that nobody's words do anything in it, and that it has room."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.lab.backtest.comment import LIMIT, MARK, code, comment
from pipeline.rules.policies.differences import Changed, Difference
from tests.lab.backtest.made import near, record

EDIT = Changed("weapons", "changed", True, (Difference("review", "0.4 → 0.3, so it is taken more often"),))


def test_it_says_what_would_become_of_the_stream_and_of_each_policy() -> None:
    made = record(["tobacco", "weapons"], days=3)
    text, moves = comment([EDIT], made, {}, []), made.verdicts
    assert text.startswith(MARK + "\n")
    assert f"Of {moves.events:,} images that the archive remembers" in text
    assert f"**{moves.new:,}** would be newly flagged and **{moves.let_go:,}** let go" in text
    weapons = made.by_policy["weapons"].moves
    assert f"| `weapons` | {weapons.new:,} | {weapons.let_go:,} | {weapons.flagged:,} |" in text
    assert "- review: 0.4 → 0.3, so it is taken more often" in text


def test_too_much_is_said_first() -> None:
    text = comment([EDIT], record(["weapons"], days=1), {}, ["the set: 40 of 100 events are new"])
    assert text.index("**Too much:** the set: 40 of 100 events are new") < text.index("Of ")


def test_without_an_archive_it_says_what_differs_in_the_files_alone() -> None:
    text = comment([EDIT], None, {}, [])
    assert "images" not in text
    assert "**`weapons`** changed" in text
    assert "Nothing differs." in comment([], None, {}, [])
    people = Changed("weapons", "changed", False, (Difference("owner", "added", "me"),))
    assert "No decision changes" in comment([people], None, {}, [])


@pytest.mark.parametrize(
    "hostile", ["`@everyone` <img src=x>", "a | b", "](https://example.com)", "x\n\n# Title", "`"]
)
def test_what_a_stranger_wrote_does_nothing(hostile: str) -> None:
    made = record(["weapons"], days=1, examples=2)
    policy = replace(made.policies[0], new=(replace(near(1, 0.7, "allow", "review"), image_id=hostile),))
    edit = Changed("weapons", "changed", True, (Difference("prompts", "added", hostile),))
    text = comment([edit], replace(made, policies=(policy,)), {}, [])
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text.replace(MARK, ""))
    assert not re.search(r"@everyone|<img|https:|# Title", outside)


@given(st.text(max_size=300))
def test_a_code_span_is_one_line_that_its_content_cannot_end(text: str) -> None:
    span = code(text)
    fence = re.match("`+", span)
    assert fence is not None
    inner = span[len(fence[0]) : -len(fence[0])]
    assert span.endswith(fence[0])
    assert fence[0] not in re.findall("`+", inner)
    assert not re.search(r"[\n\r]", span)


def test_it_has_room_in_one_comment_and_says_where_the_rest_is() -> None:
    many = [
        Changed(
            f"policy-{number}", "added", True, tuple(Difference("prompts", "added", "x" * 150) for _ in range(40))
        )
        for number in range(200)
    ]
    text = comment(many, None, {}, [])
    assert len(text) < LIMIT + 200
    assert "The rest has no room here" in text
    assert "- prompts: and 28 lines more" in text
