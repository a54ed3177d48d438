"""Sentences added to a policy file: whatever its layout, it says them, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.policies.sentences_added import Key, with_sentences
from pipeline.rules.policies.yaml_lines import load

LAYOUTS = {
    "block": b"title: x\nprompts:\n  - a knife  # sharp\n  # blunt\nactions: {review: 0.5}\n",
    "flush": b"title: x\nprompts:\n- a knife\nunless:\n- a fork  # ours\nactions: {review: 0.5}\n",
    "flow": b"title: x\nprompts: [a knife]\nunless: [a fork, 'a spoon'] # both\nactions: {review: 0.5}\n",
    "no newline": b"title: x\nactions: {review: 0.5}\nprompts:\n    - a knife",
    "dashes alone": b"title: x\nprompts:\n  -\n    a knife\nunless:\n  -\n    a fork\nactions: {review: 0.5}\n",
    "windows": b"title: x\r\nprompts:\r\n  - a knife\r\nactions: {review: 0.5}\r\n",
}


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from(["prompts", "unless"]),
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), min_size=1, max_size=3
    ),
)
def test_it_says_them_behind_its_own_and_keeps_every_other_line(layout: str, key: Key, added: list[str]) -> None:
    content = LAYOUTS[layout]
    written = with_sentences(content, key, added)
    before, after = (dict(load(each.decode()).value) for each in (content, written))
    assert after[key] == [*before.get(key, []), *added]
    assert {name: value for name, value in after.items() if name != key} == {
        name: value for name, value in before.items() if name != key
    }
    assert b"# ours" in written or b"# ours" not in content


def test_nothing_added_changes_nothing_and_one_that_cannot_be_edited_is_an_error() -> None:
    assert with_sentences(LAYOUTS["block"], "unless", []) == LAYOUTS["block"]
    with pytest.raises(ValueError, match="cannot be added to 'unless' in place"):
        with_sentences(b"{title: x, prompts: [a], actions: {review: 0.5}}\n", "unless", ["a fork"])
