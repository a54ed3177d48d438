"""Text for a person's terminal, made safe in one place: nothing that a stranger wrote reaches it raw.

Names of files, prompts and messages may hold control characters that move the cursor, set the title or hide text:
they are shown, never obeyed.
"""

from __future__ import annotations

import re

import typer

# C0 and C1 but tab and line feed; marks that turn the direction of text or break lines; halves of surrogate pairs,
# which is how Python spells bytes of a file's name that are no text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
_BYTE = 0xFF


class ReaderGoneError(Exception):
    """Whoever read our output (head, less) has gone. This is no `OSError`: typer itself ends the process over one."""


def visible(text: str) -> str:
    r"""The text with every character that a terminal would obey written out: ``\x1b`` and its like."""
    return _UNSAFE.sub(_written_out, text)


def one_line(text: str) -> str:
    """`visible`, with line feeds and tabs written out too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(text: str) -> str:
    r"""The same JSON, with what a terminal would obey inside its strings as ``\u009b`` and its like."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code in _ESCAPED_BYTES:
        code -= 0xDC00
    return f"\\x{code:02x}" if code <= _BYTE else f"\\u{code:04x}"


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line, or several, of plain text. Raises `ReaderGoneError`."""
    _print(visible(text), err=err)


def say_json(text: str) -> None:
    """Print JSON, which is safe for a terminal as it is but for a few characters. Raises `ReaderGoneError`."""
    _print(visible_json(text), err=False)


def _print(text: str, *, err: bool) -> None:
    try:
        typer.echo(text, err=err)
    except BrokenPipeError as error:
        raise ReaderGoneError from error
