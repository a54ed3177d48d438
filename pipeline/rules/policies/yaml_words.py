"""What is wrong with a text that is not YAML, in words for people who do not know YAML.

A parser says where it got stuck, often a line too late, and in the words of its grammar. This module looks in the
lines themselves for the slips that people make.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, ScalarEvent

QUOTE_IT = "if it is meant as text, put it in quotes"
KEY_VALUE = "a line is 'key: value', or 'key:' above a list"
IN_LINE = "lines that belong together begin in the same column"

_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD = re.compile(
    "[\x85\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]"
    # Tags spell the flags of England, Scotland and Wales, behind a black flag; elsewhere they are unseen letters.
    "|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007f]"
)
_HALVES = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\U([0-9A-Fa-f]{8})")
_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_GLUED = re.compile(r"[\"']?[\w-]+[\"']?:(?=[^\s/])")
_JOINERS = re.compile("(?:(?<=[\x00-\x7f])|^)[\u200c\u200d]|[\u200c\u200d](?:(?=[\x00-\x7f])|$)")

_SIGN = re.compile(r"\s*(- |[\w-]+:\s)*\s*[*&!]")

Found = tuple[int, str]
"""A line, counted from 1, and a reason."""

_PROBLEMS = (
    (
        r"quoted scalar.*escape",
        False,
        "a backslash in double quotes begins a sign of its own; use single quotes instead",
    ),
    ("quoted scalar", True, "the quote that opens in this line is never closed"),
    (
        "block scalar",
        False,
        "after > or | the text begins in the next line; put a text with the sign in quotes, leave it out of a number",
    ),
    ("sequence entries are not allowed", False, "a list begins in a line of its own, under its key"),
    (r"scanning an (anchor|alias)|\btag\b", False, "a text cannot begin with *, & or !; put it in quotes"),
    ("directive|stream end", False, "a line cannot begin with %; put the text in quotes"),
    ("<document start>", False, f"this line begins further to the left than the first one; {IN_LINE}"),
)
"""A pattern of what the parser says, whether the line is the one where the part began, and what we say of it."""


def odd_character(text: str) -> str | None:
    """What to say of the first character that cannot be seen, or looks like a blank and is none.

    Joiners hold emoji and words of some scripts together, and are odd beside ASCII alone.
    """
    found = _CONTROL.search(text) or _ODD.search(text) or _JOINERS.search(text)
    return None if found is None else _unseen(text, found)


def odd_in_background(line: str) -> str | None:
    """As `odd_character`, but for blanks of other widths, which a tokeniser takes for one."""
    return odd_character(_BLANKS.sub(" ", line))


def half_a_character(text: str) -> str | None:
    """What to say of the first half of a surrogate pair: it is no text, and no program can read it again."""
    found = _HALVES.search(text)
    return None if found is None else f"half a character (U+{ord(found[0]):04X}); type the character itself instead"


def _unseen(text: str, found: re.Match[str]) -> str:
    name = unicodedata.name(found[0], "control character").lower()
    do = "type an ordinary blank instead" if unicodedata.category(found[0]) == "Zs" else "delete it"
    return f"an invisible character (U+{ord(found[0]):04X}, {name}) behind {text[: found.start()][-12:]!r}; {do}"


def before_parsing(text: str) -> Found | None:
    """The first control character, if any: no parser takes one."""
    found = _CONTROL.search(text)
    if found is None:
        return None
    lines = _lines(text[: found.start() + 1])
    return len(lines), str(odd_character(lines[-1]))


def no_character(text: str) -> Found:
    """The first escape, as double quotes have them, of a number that no character has."""
    found = next((each for each in _ESCAPED.finditer(text) if int(each[1], 16) > sys.maxunicode), None)
    if found is None:
        return 0, "cannot be read as YAML; write it anew from a policy that holds"
    line = len(_lines(text[: found.end()]))
    return line, f"{found[0]} in double quotes is no character; use single quotes, or type the character itself"


def syntax(error: MarkedYAMLError, text: str, parsed: Sequence[Any]) -> Found:
    """Line and reason of an error; ``parsed`` are the events that the parser made of the text until then."""
    problem, context = str(error.problem or ""), str(error.context or "")
    at = error.problem_mark or error.context_mark
    line = at.line + 1 if at else 0
    began = error.context_mark.line + 1 if error.context_mark else line
    lines = _lines(text)
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\\t" in problem or (problem.startswith("found character") and "\t" in shown[: at.column + 1 if at else 0]):
        return line, _tab(shown, at.column if at else 0)
    if "scanning a simple key" in context:
        return _no_colon(began, lines)
    if "mapping values are not allowed" in problem:
        return _second_colon(line, at.column, lines)
    if problem.startswith("expected <block end>"):
        return _out_of_line(line, problem, shown, parsed[-1] if parsed else None)
    if "parsing a flow" in context and "<stream end>" in problem:
        began = _opened(parsed) or began  # of a bracket with nothing behind it the parser names the text's end
    return _by_problem(f"{context}: {problem}", line, began, shown)


def _opened(parsed: Sequence[Any]) -> int:
    """The line of the innermost bracket that is open where the events end; 0 where none is."""
    opened: list[Any] = []
    for event in parsed:
        if isinstance(event, CollectionStartEvent):
            opened.append(event)
        elif isinstance(event, CollectionEndEvent):
            opened.pop()
    return next((event.start_mark.line + 1 for event in reversed(opened) if event.flow_style), 0)


def glued(text: str) -> str:
    """The key, with its colon, that a text begins with and that no blank follows, as in ``title:T``; or nothing."""
    found = _GLUED.match(text)
    return found[0] if found else ""


def no_blank(key: str) -> str:
    """What to say of a `glued` key."""
    return f"put a blank after the colon of '{key}'"


def _tab(shown: str, column: int) -> str:
    found = shown.find("\t", column)
    before = re.sub(r"^[\s-]*", "", shown[: found if found >= 0 else shown.rfind("\t")])
    if not before:
        return "a tab at the beginning; use blanks, as many as in the lines above"
    return f"a tab behind {before.strip()[-20:]!r}; type a blank instead, or delete it at the end of a line"


def _by_problem(said: str, line: int, began: int, shown: str) -> Found:
    if found := re.search(r"found character '(.)'", said):
        return line, f"a text cannot begin with {found[1]}; put it in quotes"
    if "while parsing a flow" in said:
        return _in_brackets(said, line, began, shown)
    for pattern, where_it_began, reason in _PROBLEMS:
        if re.search(pattern, said):
            return began if where_it_began else line, reason
    return line, f"this line cannot be understood; {KEY_VALUE}, and {IN_LINE}"


def _no_colon(line: int, lines: list[str]) -> Found:
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    if re.match(r"-[^\s-]", shown):
        return line, "put a blank after the dash: '- a dog', not '-a dog'"
    if odd := odd_character(lines[line - 1]):
        return line, odd
    if key := glued(shown):
        return line, no_blank(key)
    if shown.startswith(("'", '"')):
        return line, "the quote that opens in this line is not closed in it"
    return line, f"no colon behind {shown[:30]!r}; {KEY_VALUE}"


def _second_colon(line: int, column: int, lines: list[str]) -> Found:
    """A colon where there may be none: within a text, or because of what the line above lacks."""
    shown = lines[line - 1]
    before = re.sub(r"^[\s-]*", "", shown[:column])
    if ": " in before:
        return line, f"a second colon in the line, behind {before[-20:]!r}; put the text in quotes"
    above, above_at = _above(line, lines)
    if above and ":" not in above and not above.lstrip().startswith("-"):
        return above_at, f"no colon behind {above.strip()[:30]!r}; {KEY_VALUE}"
    if key := glued(above.strip()):
        return above_at, no_blank(key)
    return line, f"this line is taken as more of line {above_at}; {IN_LINE}"


def _above(line: int, lines: list[str]) -> tuple[str, int]:
    for number in range(line - 1, 0, -1):
        if (shown := lines[number - 1].strip()) and not shown.startswith("#"):
            return lines[number - 1], number
    return "", line


def _out_of_line(line: int, problem: str, shown: str, last: Any) -> Found:
    if isinstance(last, ScalarEvent) and last.style in {"'", '"'} and last.end_mark.line + 1 == line:
        if last.start_mark.line != last.end_mark.line:
            return last.start_mark.line + 1, "the quote that opens in this line is not closed in it"
        return line, "there is more behind the closing quote; put quotes around the whole text, or leave them out"
    if _SIGN.match(shown):
        return line, "a text cannot begin with *, & or !; put it in quotes"
    if re.search(r"found '?[\]},]", problem):
        return line, "a closing bracket, or a comma, with no bracket that opens; put the text in quotes"
    if re.match(r"\s*-[^\s-]", shown):
        return line, "put a blank after the dash: '- a dog', not '-a dog'"
    return line, f"this line does not begin where the lines above do; {IN_LINE}"


def _in_brackets(problem: str, line: int, began: int, shown: str) -> Found:
    if "{" in problem or "{}" in shown:
        return line, "braces within brackets; put the text that holds them in quotes: '{}'"
    if "found ','" in problem:
        return line, "two commas with nothing between them; delete one"
    if line != began or "<stream end>" in problem:
        return began, "the bracket that opens in this line is not closed in it"
    return (
        line,
        "between the brackets a comma is missing, or a text that holds , : [ ] or quotes needs quotes around it",
    )


def _lines(text: str) -> list[str]:
    """The lines as YAML counts them, which is not quite as ``str.splitlines`` does."""
    ends = [0, *(found.end() for found in re.finditer("\r\n|[\n\r\x85\u2028\u2029]", text)), len(text)]
    return [text[start:end].rstrip("\r\n\x85\u2028\u2029") for start, end in pairwise(ends)]
