"""Reads rows of a CSV file with a header; each knows its line, so that a person can find and mend what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from pipeline.errors import Problem, UsageError


@dataclass(frozen=True, slots=True)
class Row:
    """One record: ``cells`` holds the stripped text of every column that was asked for, "" where there is none."""

    file: Path
    line: int
    cells: Mapping[str, str]

    def problem(self, reason: str) -> UsageError:
        """The error to raise about this row; it names file and line."""
        return _problem(self.file, self.line, reason)


def read_rows(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a CSV file (RFC 4180, UTF-8, a header first); blank lines are passed over, other columns left out.

    Raises `UsageError` with file and line: a file that cannot be read or is not UTF-8, a missing column, a row of
    another length than the header, quotes that do not close, no row at all.
    """
    numbered = _numbered(path, _text(path))
    line, header = next(numbered, (1, []))
    columns = _columns(path, line, header, needed, optional)
    count = 0
    for line, cells in numbered:
        if len(cells) != len(header):
            reason = f"{len(cells)} values under {len(header)} columns; put quotes around a value that holds a comma"
            raise _problem(path, line, reason)
        yield Row(path, line, {name: cells[at].strip() if at >= 0 else "" for name, at in columns.items()})
        count += 1
    if not count:
        raise _problem(path, line, "no rows under the header; write one for each image")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    if not data.strip():
        raise UsageError(f"{path}: the file is empty; its first line must name the columns")
    try:
        text = data.decode("utf-8-sig")
        zero = text.find("\0")  # UTF-16 without a byte order mark is valid UTF-8, and every second byte is zero
    except UnicodeDecodeError as error:
        text, zero = "", error.start
    if zero >= 0:
        line = data[:zero].count(b"\n") + 1
        raise _problem(path, line, "not UTF-8 text; save the file as CSV in UTF-8")
    return text


def _numbered(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line that it begins on: a quoted value may span several."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _problem(path, line, f"not CSV ({error}); see to the quotes from here on") from error


def _columns(
    path: Path, line: int, header: Sequence[str], needed: Sequence[str], optional: Sequence[str]
) -> dict[str, int]:
    """The index of each column that is asked for, -1 for an optional one that is missing."""
    names = [name.strip() for name in header]
    found = ", ".join(names)
    for name in (*needed, *optional):
        if names.count(name) > 1:
            raise _problem(path, line, f"the column {name!r} is there twice, among {found}; rename one")
    missing = [name for name in needed if name not in names]
    if missing:
        wanted = " and ".join(repr(name) for name in missing)
        reason = f"no column {wanted} among {found}; the first line names the columns, separated by commas"
        raise _problem(path, line, reason)
    return {name: names.index(name) if name in names else -1 for name in (*needed, *optional)}


def _problem(path: Path, line: int, reason: str) -> UsageError:
    return UsageError(str(Problem(str(path), line, reason)))
