"""How a CSV file of known pictures becomes `Entries`, or a list of what is wrong with it, each with its line.

A million lines are normal. They come in blocks, most of which are read as bytes (`pipeline.rules.known.plain`). One
that is not so plain is read as text, by columns, and where something is wrong with it line by line.
"""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from io import BytesIO, TextIOWrapper
from itertools import accumulate, islice
from typing import NamedTuple, Protocol

from pipeline.rules.known.entries import KINDS, Entries, day_number
from pipeline.rules.known.exact import DIGITS
from pipeline.rules.known.pieces import NUMBER_OF_ACTION, Columns, Pieces, Wrong
from pipeline.rules.known.plain import take_plain

COLUMNS = ("kind", "hash", "action", "note", "expires")
NEEDED = ("kind", "hash")
MOST_ENTRIES = 2_000_000
"""In one file."""
MOST_NOTE = 500
"""Characters of a note: it stands in every decision that its entry makes."""
MOST_PROBLEMS = 20
"""Of one file that are told of."""
HEADER = ",".join(COLUMNS)
_AT_ONCE = 4096
"""Lines that are text at a time."""
_BLOCK = 1 << 20
"""Bytes of lines that are looked at together."""
_OTHER_HASHES = {32: "MD5", 40: "SHA-1", 128: "SHA-512"}


class Rows(Protocol):
    """What `csv.reader` gives."""

    @property
    def line_num(self) -> int:
        """The last line that was read."""

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


class Line(NamedTuple):
    """What one line says, still as text."""

    kind: str
    hash: str
    action: str
    note: str
    expires: str


def read_entries(content: bytes) -> tuple[Entries | None, list[Wrong]]:
    """The entries of a file; None where something is wrong with it, with what that is, the first lines first."""
    read = Pieces()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, [(1, "saved as UTF-16 ('Unicode'); save the file as UTF-8")]
    try:
        _read(content, read)
    except UnicodeDecodeError:
        read.wrong.append((_not_utf8(content), "not UTF-8; save the file as UTF-8, or type the note anew"))
    if not read.wrong and not read.entries:
        read.wrong.append((0, f"no entry in it; a line below {HEADER!r} is one, such as 'sha256,' and 64 hex digits"))
    entries = None if read.wrong else read.joined()
    return entries if not read.wrong else None, _told(read.wrong)


def _read(content: bytes, read: Pieces) -> None:
    """Raises ``UnicodeDecodeError``."""
    # In quotes a line may go on in the next. Where none does, each can be read by itself.
    together = b'"' in content or content.count(b"\r") != content.count(b"\r\n")
    head = len(content) if together else content.find(b"\n") + 1 or len(content)
    rows, before = _rows(content[:head], "utf-8-sig"), 0
    try:
        order = _header(rows, read.wrong)
        if order is None or not _read_lines(rows, before, order, read):
            return
        for before, block in _blocks(content, head):
            if read.entries + block.count(b"\n") < MOST_ENTRIES and take_plain(
                block, before + 1, order, MOST_NOTE, partial(_last_day, read.days), read
            ):
                continue
            rows = _rows(block, "utf-8")
            if not _read_lines(rows, before, order, read):
                return
    except csv.Error as error:
        read.wrong.append((before + rows.line_num, f"cannot be read as CSV: {error}"))


def _blocks(content: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines from there on, with how many lines stand before them."""
    before = content.count(b"\n", 0, start)
    while start < len(content):
        end = content.find(b"\n", start + _BLOCK) + 1 or len(content)
        block = content[start:end]
        yield before, block
        before, start = before + block.count(b"\n"), end


def _rows(block: bytes, encoding: str) -> Rows:
    # A whole text would take four times the memory of its bytes.
    return csv.reader(TextIOWrapper(BytesIO(block), encoding, newline=""), skipinitialspace=True, strict=True)


def _not_utf8(content: bytes) -> int:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content[: error.start].count(b"\n") + 1
    return 0


def _header(rows: Rows, wrong: list[Wrong]) -> list[int] | None:
    """Where each of `COLUMNS` stands, -1 for one that is left out; None where that cannot be told."""
    names = [name.strip().casefold() for name in next(rows, [])]
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        wrong.append((1, "the columns are parted by semicolons or tabs; save it with commas"))
        return None
    if not set(names) & set(COLUMNS):
        said = "the file is empty; its" if not any(names) else "the"
        wrong.append((1, f"{said} first line must name the columns: {HEADER}"))
        return None
    for at, name in enumerate(names):
        if name not in COLUMNS:
            close = difflib.get_close_matches(name, COLUMNS, n=1)
            known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(COLUMNS)}"
            wrong.append((1, f"unknown column {name!r}; {known}"))
        elif names.index(name) < at:
            wrong.append((1, f"the column {name!r} stands there twice; keep one"))
    missing = [] if wrong else [name for name in NEEDED if name not in names]
    wrong += [(1, f"the column {name!r} is missing; the columns are {HEADER}") for name in missing]
    return None if wrong else [names.index(name) if name in names else -1 for name in COLUMNS]


def _read_lines(rows: Rows, above: int, order: Sequence[int], read: Pieces) -> bool:
    """Read lines below which `above` others stand, and say whether there is any sense in going on."""
    width, before = sum(at >= 0 for at in order), above + rows.line_num
    while chunk := list(islice(rows, _AT_ONCE)):
        lines = _lines(chunk, before, above + rows.line_num)
        before = above + rows.line_num
        if set(map(len, chunk)) != {width}:
            lines, chunk = _squared(lines, chunk, width, read.wrong)
        if read.entries + len(chunk) > MOST_ENTRIES:
            read.wrong.append((before, f"more than {MOST_ENTRIES:,} entries; split the list"))
        elif chunk:
            named, none = list(zip(*chunk, strict=True)), ("",) * len(chunk)
            _take(lines, Columns(*(named[at] if at >= 0 else none for at in order)), read)
        if len(read.wrong) > MOST_PROBLEMS or read.entries + len(chunk) > MOST_ENTRIES:
            return False
    return True


def _lines(chunk: Sequence[list[str]], before: int, last: int) -> Sequence[int]:
    """The line on which each row ends; `before` is the last before them."""
    if last - before == len(chunk):
        return range(before + 1, last + 1)
    breaks = (1 + sum(max(text.count("\n"), text.count("\r")) for text in row) for row in chunk)
    return list(accumulate(breaks, initial=before))[1:]


def _squared(
    lines: Sequence[int], chunk: Sequence[list[str]], width: int, wrong: list[Wrong]
) -> tuple[list[int], list[list[str]]]:
    """Those rows that are not empty, of `width` fields each; one with more is wrong."""
    said = f"more than the {width} fields that the first line names; put a text with a comma in quotes"
    wrong += ((line, said) for line, row in zip(lines, chunk, strict=True) if len(row) > width)
    kept = [(line, row) for line, row in zip(lines, chunk, strict=True) if 0 < len(row) <= width]
    return [line for line, _ in kept], [row + [""] * (width - len(row)) for _, row in kept]


def _take(lines: Sequence[int], columns: Columns, read: Pieces) -> None:
    try:
        hashes = bytes.fromhex("".join(columns.hash))
    except ValueError:
        hashes = b""
    plain = (
        set(map(len, columns.hash)) == {DIGITS}
        and len(hashes) * 2 == DIGITS * len(lines)
        and set(columns.kind) <= set(KINDS)
        and set(columns.action) <= NUMBER_OF_ACTION.keys()
        and set(columns.expires) <= read.days.keys()
        and max(map(len, columns.note)) <= MOST_NOTE
    )
    if plain:
        read.add(lines, columns, hashes)
    else:
        _take_one_by_one(lines, columns, read)


def _take_one_by_one(lines: Sequence[int], columns: Columns, read: Pieces) -> None:
    good, at = list[Line](), list[int]()
    for line, written in zip(lines, zip(*columns, strict=True), strict=True):
        row = Line(*(text.strip() for text in written))
        row = row._replace(kind=row.kind.casefold(), action=row.action.casefold())
        if said := _wrong(row, read.days):
            read.wrong.append((line, said))
        else:
            good.append(row)
            at.append(line)
    if good:
        taken = Columns(*zip(*good, strict=True))
        read.add(at, taken, bytes.fromhex("".join(taken.hash)))


def _wrong(row: Line, days: dict[str, int]) -> str:
    """What is wrong with an entry; nothing where all is well, and then `days` has the day on which it expires."""
    if row.kind not in KINDS:
        return _wrong_kind(row.kind)
    if said := _wrong_hash(row.kind, row.hash):
        return said
    if row.action not in NUMBER_OF_ACTION:
        return f"unknown action {row.action!r}; it can be label, review or block, or nothing"
    if len(row.note) > MOST_NOTE:
        return f"the note has {len(row.note):,} characters; the most is {MOST_NOTE}"
    if _last_day(days, row.expires) is None:
        return f"expires {row.expires!r} is no date; write it as 2027-01-31, the last day on which the entry counts"
    return ""


def _last_day(days: dict[str, int], text: str) -> int | None:
    """Its number, which `days` then has; None for what is no date."""
    if text not in days:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return None
        if "W" in text:  # a week, whose last day is six days after the one that this is read as
            return None
        days[text] = day_number(day)
    return days[text]


def _wrong_kind(kind: str) -> str:
    if not kind:
        return "the kind is missing; it can be sha256 or pdq"
    close = difflib.get_close_matches(kind, KINDS, n=1)
    return f"unknown kind {kind!r}; " + (f"did you mean {close[0]!r}?" if close else "it can be sha256 or pdq")


def _wrong_hash(kind: str, text: str) -> str:
    if not text:
        return f"the hash is missing; a {kind} has {DIGITS} hex digits"
    if set(text.lower()) - set("0123456789abcdef"):
        return f"the hash {text[:DIGITS]!r} is not hex; a {kind} has {DIGITS} digits, 0 to 9 and a to f"
    if len(text) != DIGITS:
        other = f", as {_OTHER_HASHES[len(text)]} has" if len(text) in _OTHER_HASHES else ""
        return f"the hash has {len(text)} digits{other}; a {kind} has {DIGITS}"
    return ""


def _told(wrong: list[Wrong]) -> list[Wrong]:
    wrong.sort()
    if len(wrong) <= MOST_PROBLEMS:
        return wrong
    line, said = wrong[MOST_PROBLEMS - 1]
    return [*wrong[: MOST_PROBLEMS - 1], (line, f"{said}; and more are wrong below it")]
