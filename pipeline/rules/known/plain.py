"""Lines of a list as most are, nothing quoted and nothing odd: read as columns of bytes, without a string for each.

What `take_plain` does not take is gone through as text, by `pipeline.rules.known.csv_file`, which also says what is
wrong with it: the two agree on every line that this one takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.known.entries import KINDS
from pipeline.rules.known.exact import DIGITS
from pipeline.rules.known.pieces import NUMBER_OF_ACTION, Pieces

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Spans = tuple[Places, Places]
"""Where a column's field begins and ends in each line."""
Day = Callable[[str], int | None]
"""The number of a date; None for what is none."""

_COMMA, _NEWLINE, _RETURN, _BLANK = b",\n\r "
_SHORT = 10
"""Bytes of a text under ``action`` or ``expires`` that can be right."""


def take_plain(block: bytes, first_line: int, order: Sequence[int], most_note: int, day: Day, read: Pieces) -> bool:
    """Take whole lines in, if all of them are plain and right; else nothing, and False.

    `order` says where the columns stand, -1 for one that is left out; `day` gives the number of a date.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    width = sum(at >= 0 for at in order)
    data = np.frombuffer(block + bytes(DIGITS), np.uint8)
    fields = _fields(data[: len(block)], width)
    if fields is None or not _is_text(block):
        return False
    lines = len(fields[0][0])
    none = np.zeros(lines, np.intp), np.zeros(lines, np.intp)
    kind, digest, action, note, expires = (fields[at] if at >= 0 else none for at in order)
    kinds, hashes = _kinds(data, kind), _hashes(data, digest)
    actions = _numbers(data, action, NUMBER_OF_ACTION.get)
    days = _numbers(data, expires, day)
    lengths = note[1] - note[0]
    if kinds is None or hashes is None or actions is None or days is None or lengths.max() > most_note:
        return False
    numbers = np.arange(first_line, first_line + lines, dtype=np.uint32)
    notes = _joined(data, note)
    read.add_numbers(
        numbers,
        hashes,
        kinds.tobytes(),
        actions.astype(np.uint8).tobytes(),
        days.astype(np.int32),
        notes,
        lengths.astype(np.uint32),
    )
    return True


def _fields(data: Bytes, width: int) -> list[Spans] | None:
    """The spans of each column; None where a line has more or fewer, or something asks for a closer look."""
    ends = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    returns = np.flatnonzero(data == _RETURN)
    if len(returns):
        if len(returns) != len(ends) or (returns != ends - 1).any():
            return None
        ends = returns
    commas = np.flatnonzero(data == _COMMA)
    if len(commas) != len(ends) * (width - 1) or width < 2:  # noqa: PLR2004 - a kind and a hash
        return None
    between = commas.reshape(len(ends), width - 1)
    if (between[:, 0] < starts).any() or (between[:, -1] >= ends).any():
        return None
    begin = np.column_stack([starts, between + 1])
    if (data[begin] == _BLANK).any():
        return None
    end = np.column_stack([between, ends])
    return [(begin[:, at], end[:, at]) for at in range(width)]


def _is_text(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kinds(data: Bytes, spans: Spans) -> Bytes | None:
    """``uint8[N]``: each kind by its number; None where some field is none."""
    found = np.full(len(spans[0]), len(KINDS), np.uint8)
    for number, kind in enumerate(KINDS):
        rows = np.flatnonzero(spans[1] - spans[0] == len(kind))
        same = (_windows(data, spans[0][rows], len(kind)) == np.frombuffer(kind.encode(), np.uint8)).all(axis=1)
        found[rows[same]] = number
    return None if (found == len(KINDS)).any() else found


def _hashes(data: Bytes, spans: Spans) -> bytes | None:
    """32 bytes of each; None where some field is no hash."""
    if (spans[1] - spans[0] != DIGITS).any():
        return None
    digits = _windows(data, spans[0], DIGITS).tobytes()
    try:
        hashes = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return None
    return hashes if len(hashes) * 2 == len(digits) else None  # blanks between digits are passed over


def _numbers(data: Bytes, spans: Spans, number: Callable[[str], int | None]) -> Places | None:
    """What `number` says of each field, which is asked once for each different text; None where it knows one not."""
    lengths = spans[1] - spans[0]
    if lengths.max() > _SHORT:
        return None
    if not lengths.any():
        return _all(len(lengths), number(""))
    texts = _windows(data, spans[0], _SHORT).copy()
    texts[np.arange(_SHORT) >= lengths[:, np.newaxis]] = 0
    different, which = np.unique(texts.view(f"S{_SHORT}").ravel(), return_inverse=True)
    known = [number(text.decode("utf-8", "replace")) for text in different.tolist()]
    told = [each for each in known if each is not None]
    return np.array(told)[which] if len(told) == len(known) else None


def _all(count: int, number: int | None) -> Places | None:
    return None if number is None else np.full(count, number)


def _joined(data: Bytes, spans: Spans) -> bytes:
    """The fields of all lines, one behind the other."""
    if not (spans[1] > spans[0]).any():
        return b""
    inside = np.zeros(len(data), np.int8)
    inside[spans[0]] += 1
    inside[spans[1]] -= 1
    return data[inside.cumsum(dtype=np.int8).astype(np.bool_)].tobytes()


def _windows(data: Bytes, starts: Places, length: int) -> Bytes:
    """``uint8[N,length]``: the bytes from each start on."""
    found: Bytes = np.lib.stride_tricks.sliding_window_view(data, length)[starts]
    return found
