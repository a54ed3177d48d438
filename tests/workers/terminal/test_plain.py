"""What strangers write reaches no terminal raw."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from workers.terminal.console import Screen, Terminal, told
from workers.terminal.plain import one_line, say, visible, visible_json

ANY = st.text(st.characters(codec=None))


WITHOUT_WIDTH = set("\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe0f\uffa0\U000e0101")
"""Some of what Unicode calls default ignorable and no format character."""
HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the title": "\x1b]0;gone\x07",
    "C1 control": "\x9b2J",
    "forged line": "cat.jpg\nblock  0.99 weapons dog.jpg",
    "written over": "block\rallow",
    "right to left": "\u202egpj.exe",
    "isolates": "\u2066a\u2069\u2067b\u2068",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufeff\u00ad\u180e",
    "tags": "\U000e0001\U000e0041",
    "separators": "a\u2028b\u2029c\x85d",
    "markup": "[bold red]x[/] [/] [link=file:///etc/passwd]y[/link] :skull:",
    "half a pair": "\ud800 \udcff",
}


def obeyed(text: str) -> set[str]:
    """Characters that a terminal would obey or not show, or that no UTF-8 holds."""
    return {
        each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or each in WITHOUT_WIDTH
    } - {"\n"}


@given(ANY)
def test_control_characters_are_shown_and_not_obeyed(text: str) -> None:
    assert obeyed(visible(text)) <= {"\t"}
    assert obeyed(one_line(text)) == set()
    assert "\n" not in one_line(text)
    visible(text).encode()


def test_what_is_shown_says_what_it_was() -> None:
    assert visible("a\x1b[31m\x9b\u202e\udcff\r") == "a\\x1b[31m\\x9b\\u202e\\xff\\x0d"
    assert visible("naïve 写真\n") == "naïve 写真\n"


@pytest.mark.parametrize("what", HOSTILE)
def test_known_tricks_are_shown_by_every_way_out(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = HOSTILE[what]
    terminal = Terminal()
    say(f"sluice: {text}", err=True)
    say(text, text)
    terminal.print(told(text, (text, "red")))
    terminal.note(text)
    terminal.json(json.dumps({"id": text.encode("utf-8", "replace").decode()}, ensure_ascii=False))
    with terminal.counting(text, 3) as counter:
        counter.advance(1)
    with terminal.status(text):
        pass
    out, err = capsys.readouterr()
    assert obeyed(out) | obeyed(err) == set()
    assert (len(out.splitlines()), len(err.splitlines())) == (4, 2), "no line more than were said"
    if what == "markup":
        assert out.count("[bold red]x[/] [/]") == 5


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


def test_a_tables_cells_take_no_markup() -> None:
    screen = Screen()
    screen.file = io.StringIO()
    table = Table("[a]", title="[b]x[/]")
    table.add_row("[/] [red]y[/red]")
    screen.print(table)
    assert "[/] [red]y[/red]" in screen.file.getvalue()
    assert "[b]x[/]" in screen.file.getvalue()
