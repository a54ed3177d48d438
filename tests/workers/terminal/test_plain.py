"""What strangers write reaches no terminal raw."""

from __future__ import annotations

import io
import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from workers.terminal.console import Screen, told
from workers.terminal.plain import one_line, visible, visible_json

ANY = st.text(st.characters(codec=None))


def obeyed(text: str) -> set[str]:
    """Characters that a terminal would obey, or that no UTF-8 holds."""
    return {each for each in text if unicodedata.category(each) in {"Cc", "Cs"}} - {"\n"}


@given(ANY)
def test_control_characters_are_shown_and_not_obeyed(text: str) -> None:
    assert obeyed(visible(text)) <= {"\t"}
    assert obeyed(one_line(text)) == set()
    assert "\n" not in one_line(text)
    visible(text).encode()


def test_what_is_shown_says_what_it_was() -> None:
    assert visible("a\x1b[31m\x9b\u202e\udcff\r") == "a\\x1b[31m\\x9b\\u202e\\xff\\x0d"
    assert visible("naïve 写真\n") == "naïve 写真\n"


@given(st.text())
def test_json_stays_the_same_value(text: str) -> None:
    safe = visible_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(safe) == text
    assert obeyed(safe) == set()


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_neither_markup_nor_emoji_nor_control_in_a_name_changes_a_line(text: str) -> None:
    screen = Screen()
    screen.file = io.StringIO()
    screen.print(told("[b]", (text, "dim"), ":smile:"), soft_wrap=True)
    assert screen.file.getvalue() == f"[b]{one_line(text)}:smile:\n"


def test_a_tables_cells_are_safe_too() -> None:
    screen = Screen()
    screen.file = io.StringIO()
    table = Table("a")
    table.add_row("x\x1b]0;title\x07y")
    screen.print(table)
    assert "\x1b" not in screen.file.getvalue()
    assert "\\x1b]0;title\\x07y" in screen.file.getvalue()
