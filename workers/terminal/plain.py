"""Text for a person's terminal, made safe in one place: nothing that a stranger wrote reaches it raw.

Names of files, ids of images, headers, prompts and messages may hold control characters that move the cursor, set the
title or clear the screen, line feeds that forge a line, marks that turn the direction of text, and characters without
width that make two names look alike. They are shown, never obeyed: what is safe to show stays as it is.
"""

from __future__ import annotations

import re

# Halves of surrogate pairs are how Python spells bytes of a file's name that are no text; JSON escapes them itself.
_SURROGATES = "\ud800-\udfff"
# What Unicode calls control (C1 here), format, line and paragraph separators, and "default ignorable": without width.
_OBEYED = (
    "\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f{_OBEYED}{_SURROGATES}]")
_UNSAFE_IN_JSON = re.compile(f"[{_OBEYED}]")
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
_BYTE = 0xFF
_BASIC = 0xFFFF
"""The last character that JSON writes as one escape, and not as a pair."""


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
    return _UNSAFE_IN_JSON.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    units = (code,) if code <= _BASIC else (0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF))
    return "".join(f"\\u{unit:04x}" for unit in units)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code in _ESCAPED_BYTES:
        code -= 0xDC00
    if code <= _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _BASIC else f"\\U{code:08x}"


def say(*lines: str, err: bool = False) -> None:
    """Print each as one line of plain text: a line feed in it is written out. Raises `ReaderGoneError`."""
    _print("\n".join(map(one_line, lines)), err=err)


def say_json(text: str) -> None:
    """Print JSON, which is safe for a terminal as it is but for a few characters. Raises `ReaderGoneError`."""
    _print(visible_json(text), err=False)


def _print(text: str, *, err: bool) -> None:
    import typer  # noqa: PLC0415 - what catches Ctrl-C needs this module, and must be there before that is imported

    try:
        typer.echo(text, err=err)
    except BrokenPipeError as error:
        raise ReaderGoneError from error
