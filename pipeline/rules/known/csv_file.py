"""How a CSV file of known pictures becomes `Entries`, or a list of what is wrong with it, each with its line.

A million lines are normal and come in chunks, of which columns are looked at as a whole; only a chunk in which
something is odd is gone through line by line.
"""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO, TextIOWrapper
from itertools import accumulate, islice
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.known.entries import ACTIONS, FOR_EVER, KINDS, Entries, day_number
from pipeline.rules.known.exact import DIGITS, Exact, words_of
from pipeline.rules.known.near import Near

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
_OTHER_HASHES = {32: "MD5", 40: "SHA-1", 128: "SHA-512"}

Wrong = tuple[int, str]
"""A line, and what is wrong with it."""


class Rows(Protocol):
    """What `csv.reader` gives."""

    @property
    def line_num(self) -> int:
        """The last line that was read."""

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


class Columns(NamedTuple):
    """What some lines of the file say, still as text: as many values in each column, in the order of `COLUMNS`."""

    kind: Sequence[str]
    hash: Sequence[str]
    action: Sequence[str]
    note: Sequence[str]
    expires: Sequence[str]


class Line(NamedTuple):
    """Likewise, of one line."""

    kind: str
    hash: str
    action: str
    note: str
    expires: str


@dataclass(slots=True)
class _Read:
    """What has been read so far: pieces of columns."""

    wrong: list[Wrong] = field(default_factory=list)
    entries: int = 0
    hashes: list[bytes] = field(default_factory=list)
    kinds: list[bytes] = field(default_factory=list)
    lines: list[NDArray[np.uint32]] = field(default_factory=list)
    last_days: list[NDArray[np.int32]] = field(default_factory=list)
    actions: list[bytes] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)
    note_lengths: list[NDArray[np.uint32]] = field(default_factory=list)
    days: dict[str, int] = field(default_factory=lambda: {"": FOR_EVER})
    """What was made of each text under ``expires``: a list has few different ones."""

    def add(self, lines: Sequence[int], columns: Columns, hashes: bytes) -> None:
        """Take in lines in which nothing is wrong."""
        self.entries += len(lines)
        self.hashes.append(hashes)
        self.kinds.append(bytes(map(KINDS.index, columns.kind)))
        self.lines.append(np.array(lines, np.uint32))
        self.last_days.append(np.array([*map(self.days.__getitem__, columns.expires)], np.int32))
        self.actions.append(bytes(map(_ACTION.__getitem__, columns.action)))
        notes = [note.encode() for note in columns.note]
        self.notes += notes
        self.note_lengths.append(np.array([*map(len, notes)], np.uint32))


_ACTION: dict[str, int] = {action or "": number for number, action in enumerate(ACTIONS)}


def read_entries(content: bytes) -> tuple[Entries | None, list[Wrong]]:
    """The entries of a file; None where something is wrong with it, with what that is, the first lines first."""
    read = _Read()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, [(1, "saved as UTF-16 ('Unicode'); save the file as UTF-8")]
    # A whole text would take four times the memory of its bytes.
    text = TextIOWrapper(BytesIO(content), "utf-8-sig", newline="")
    rows = csv.reader(text, skipinitialspace=True, strict=True)
    try:
        if (order := _header(rows, read.wrong)) is not None:
            _read_lines(rows, order, read)
    except csv.Error as error:
        read.wrong.append((rows.line_num, f"cannot be read as CSV: {error}"))
    except UnicodeDecodeError:
        read.wrong.append((_not_utf8(content), "not UTF-8; save the file as UTF-8, or type the note anew"))
    if not read.wrong and not read.entries:
        read.wrong.append((0, f"no entry in it; a line below {HEADER!r} is one, such as 'sha256,' and 64 hex digits"))
    entries = None if read.wrong else _entries(read)
    return entries if not read.wrong else None, _told(read.wrong)


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


def _read_lines(rows: Rows, order: Sequence[int], read: _Read) -> None:
    width, before = sum(at >= 0 for at in order), rows.line_num
    while chunk := list(islice(rows, _AT_ONCE)):
        lines = _lines(chunk, before, rows.line_num)
        before = rows.line_num
        if set(map(len, chunk)) != {width}:
            lines, chunk = _squared(lines, chunk, width, read.wrong)
        if read.entries + len(chunk) > MOST_ENTRIES:
            read.wrong.append((before, f"more than {MOST_ENTRIES:,} entries; split the list"))
        elif chunk:
            named, none = list(zip(*chunk, strict=True)), ("",) * len(chunk)
            _take(lines, Columns(*(named[at] if at >= 0 else none for at in order)), read)
        if len(read.wrong) > MOST_PROBLEMS or read.entries + len(chunk) > MOST_ENTRIES:
            return


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


def _take(lines: Sequence[int], columns: Columns, read: _Read) -> None:
    try:
        hashes = bytes.fromhex("".join(columns.hash))
    except ValueError:
        hashes = b""
    plain = (
        set(map(len, columns.hash)) == {DIGITS}
        and len(hashes) * 2 == DIGITS * len(lines)
        and set(columns.kind) <= set(KINDS)
        and set(columns.action) <= _ACTION.keys()
        and set(columns.expires) <= read.days.keys()
        and max(map(len, columns.note)) <= MOST_NOTE
    )
    if plain:
        read.add(lines, columns, hashes)
    else:
        _take_one_by_one(lines, columns, read)


def _take_one_by_one(lines: Sequence[int], columns: Columns, read: _Read) -> None:
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
    if row.action not in _ACTION:
        return f"unknown action {row.action!r}; it can be label, review or block, or nothing"
    if len(row.note) > MOST_NOTE:
        return f"the note has {len(row.note):,} characters; the most is {MOST_NOTE}"
    if row.expires not in days:
        try:
            days[row.expires] = day_number(date.fromisoformat(row.expires))
        except ValueError:
            return (
                f"expires {row.expires!r} is no date; write it as 2027-01-31, the last day on which the entry counts"
            )
    return ""


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


def _entries(read: _Read) -> Entries:
    """The columns, laid out to be searched; a hash that stands there twice is wrong."""
    hashes, kinds = words_of(b"".join(read.hashes)), np.frombuffer(b"".join(read.kinds), np.uint8)
    lines = np.concatenate(read.lines)
    of_kind = [np.flatnonzero(kinds == number).astype(np.uint32) for number in range(len(KINDS))]
    exact, near = (Exact.of(hashes[rows], rows) for rows in of_kind)
    for of in (exact, near):
        for again, first in of.repeated():
            said = f"the hash stands in line {lines[first]} already; keep one"
            read.wrong.append((int(lines[again]), said))
    return Entries(
        exact,
        Near.of(hashes[of_kind[1]], of_kind[1]),
        lines,
        np.concatenate(read.last_days),
        np.frombuffer(b"".join(read.actions), np.uint8),
        b"".join(read.notes),
        np.concatenate(read.note_lengths).cumsum(dtype=np.uint32),
    )


def _told(wrong: list[Wrong]) -> list[Wrong]:
    wrong.sort()
    if len(wrong) <= MOST_PROBLEMS:
        return wrong
    line, said = wrong[MOST_PROBLEMS - 1]
    return [*wrong[: MOST_PROBLEMS - 1], (line, f"{said}; and more are wrong below it")]
