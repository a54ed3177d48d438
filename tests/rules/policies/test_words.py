"""What a policy writer is told: for each slip that can be made, the exact words with their file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.rules.policies.files import parse_policies

SLIPS = Path(__file__).with_name("policy_slips.txt")

UNCLOSED = "the bracket that opens in this line is not closed in it"
WEAPONS = """\
title: Weapons
owner: me
mode: enforce
prompts:
  - a knife
  - a bomb
unless:
  - cutlery
actions:
  review: 0.6
  block: 0.9
tests:
  must_flag:
    - a.png
"""

PARSER_WORDS = (
    *(
        "block end",
        "token",
        "scalar",
        "mapping",
        "sequence",
        "node",
        "stream",
        "tag:yaml",
        "input should",
        "not valid",
    ),
    *("less than", "greater than", "'nonetype'", "str", "dict"),
)
"""What no policy writer should have to read."""


def slips() -> dict[str, list[str]]:
    """Each change of the file of slips with the lines under it."""
    found: dict[str, list[str]] = {}
    for line in SLIPS.read_text(encoding="utf-8").splitlines():
        if line.startswith("! "):
            found[list(found)[-1]].append(line.removeprefix("! "))
        elif line and not line.startswith("#"):
            found[line] = []
    return found


def told(content: str | bytes, name: str = "weapons.yaml") -> list[str]:
    """What is said of a file, from its line on; nothing where it holds."""
    whole = content if isinstance(content, bytes) else content.encode()
    files = {"p/weapons.yaml": WEAPONS.encode(), "p/things.txt": b"a cup\na tree\n", f"p/{name}": whole}
    try:
        parse_policies(files)
    except PolicyError as error:
        return [str(problem).removeprefix(f"p/{name}:") for problem in error.problems]
    return []


@pytest.mark.parametrize(("change", "says"), slips().items(), ids=[each.replace("\\", "|") for each in slips()])
def test_a_slip_is_named_in_plain_words_with_its_line(change: str, says: list[str]) -> None:
    old, new = (part.encode().decode("unicode_escape") for part in change.split(" => "))
    if old.endswith(".yaml"):
        assert told(new, old) == says
    else:
        assert WEAPONS.count(old)
        assert told(WEAPONS.replace(old, new)) == says


def test_they_are_many() -> None:
    assert len(slips()) > 140


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (WEAPONS.encode("utf-16"), "1: saved as UTF-16 ('Unicode'); save the file as UTF-8"),
        (
            WEAPONS.replace("a knife", "a caf\u00e9").encode("latin-1"),
            "5: not UTF-8 behind '  - a caf'; save the file as UTF-8, or type the character anew",
        ),
        (
            WEAPONS.replace("\n", "\r").replace("0.9", "9"),
            "11: 'actions.block': write 0.09, not 9; it is a share of 1",
        ),
        (
            WEAPONS.replace("\n", "\r\n").replace("0.9", "9"),
            "11: 'actions.block': write 0.09, not 9; it is a share of 1",
        ),
        (b"\xef\xbb\xbf" + WEAPONS.replace("me", "'me", 1).encode(), "2: the quote that opens in this line"),
        (WEAPONS.replace("me", "[" * 10, 1), "2: the bracket that opens in this line is not closed in it"),
        ("a: 1\ntitle: [\n\n\n\n", f"2: {UNCLOSED}"),
        ("title: {", f"1: {UNCLOSED}"),
        ("title: T\nprompts: [a,\n b,\n\n", f"2: {UNCLOSED}"),
        ("title: T\nprompts: [a,\n [b],\n [\n", f"4: {UNCLOSED}"),
        ("title: T\nprompts: [a, b\n\n", f"2: {UNCLOSED}"),
        (WEAPONS.replace("me", "[" * 500, 1), "2: nested too deeply"),
        (WEAPONS.replace("me", "[" * 500 + "]" * 500, 1), "2: nested too deeply"),
        (WEAPONS.replace("0.9", "9" * 5000), "11: 'actions.block': inf is no number"),
    ],
)
def test_whatever_the_bytes_the_line_is_right(content: str | bytes, says: str) -> None:
    (found,) = told(content)
    assert found.startswith(says)


HOLD = {
    "a date as a title": ("title: Weapons", "title: 2024-01-01"),
    "a description over several lines": ("owner: me", "description: one\n  two\n  three"),
    "a quoted text over several lines": ("- a knife", "- 'a\n    knife'"),
    "an apostrophe": ("- a knife", "- a butcher's knife"),
    "a curly apostrophe": ("- a knife", "- a butcher\u2019s knife"),
    "emoji with a joiner": ("- a knife", "- \U0001f468\u200d\U0001f373"),
    "a threshold in quotes": ("block: 0.9", "block: '0.9'"),
    "a threshold of 0": ("review: 0.6", "review: 0"),
    "a comment behind": ("block: 0.9", "block: 1  # all"),
    "windows": ("\n", "\r\n"),
    "old mac": ("\n", "\r"),
    "a byte order mark": ("title: W", "\ufefftitle: W"),
}


@pytest.mark.parametrize(("old", "new"), HOLD.values(), ids=HOLD)
def test_what_is_unusual_and_clear_is_taken(old: str, new: str) -> None:
    assert told(WEAPONS.replace(old, new)) == []


@given(st.integers(0, len(WEAPONS)), st.text("-:'\"[]{},&*!|>%@`#? \t\nax0\\\u00a0\u200b", min_size=1, max_size=4))
@settings(max_examples=400)
def test_whatever_is_typed_anywhere_nobody_reads_the_words_of_a_parser(place: int, typed: str) -> None:
    content = WEAPONS[:place] + typed + WEAPONS[place:]
    for each in told(content):
        where, _, said = each.partition(": ")
        assert not [word for word in PARSER_WORDS if word in said.casefold()], said
        assert 0 < int(where) <= content.count("\n") + 1
