from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.known import csv_file
from pipeline.rules.known.csv_file import MOST_PROBLEMS, read_entries
from pipeline.rules.known.entries import Entries

A, B = "a" * 64, "0123456789abcdef" * 4
HEAD = "kind,hash,action,note,expires\n"


def wrong(text: str | bytes) -> list[tuple[int, str]]:
    entries, said = read_entries(text if isinstance(text, bytes) else text.encode())
    assert (entries is None) == bool(said)
    return said


@pytest.mark.parametrize("text", [f"{HEAD}sha256,{A},block,campaign,2027-01-31\npdq,{B},,,\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_entries_are_read_whatever_the_lines_end_with(text: str, end: str, start: str) -> None:
    entries, said = read_entries((start + text.replace("\n", end)).encode())
    assert entries is not None
    assert not said
    assert (len(entries), len(entries.exact), len(entries.near)) == (2, 1, 1)
    assert entries.lines.tolist() == [2, 3]
    assert [entries.note(0), entries.note(1)] == ["campaign", ""]
    assert [entries.expires(0), entries.expires(1)] == ["2027-01-31", None]


def test_columns_may_stand_in_any_order_and_be_left_out() -> None:
    entries, _ = read_entries(f"note , HASH, kind\n'ours', {A.upper()}, SHA256\n\n,{B} ,pdq\n".encode())
    assert entries is not None
    assert entries.lines.tolist() == [2, 4]
    assert entries.note(0) == "'ours'"


def test_a_note_may_have_commas_and_lines_in_quotes() -> None:
    entries, _ = read_entries(f'{HEAD}sha256,{A},,"one, two\nthree"\nsha256,{B},,é\n'.encode())
    assert entries is not None
    assert [entries.note(0), entries.note(1)] == ["one, two\nthree", "é"]
    assert entries.lines.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the file is empty; its first line must name the columns"),
        (HEAD, 0, "no entry in it"),
        (f"{HEAD}sha256,{A},,,2027-W05\n", 2, "expires '2027-W05' is no date; write it as 2027-01-31"),
        (f"{HEAD}sha256,{A},,,2027W057\n", 2, "expires '2027W057' is no date; write it as 2027-01-31"),
        (f"sha256,{A}\n", 1, "the first line must name the columns: kind,hash,action,note,expires"),
        (f"kind;hash\nsha256;{A}\n", 1, "save it with commas"),
        (f"kind,hsh\nsha256,{A}\n", 1, "unknown column 'hsh'; did you mean 'hash'?"),
        (f"kind,note\nsha256,{A}\n", 1, "the column 'hash' is missing"),
        (f"kind,kind,hash\nsha256,{A}\n", 1, "stands there twice"),
        (f"{HEAD}sha265,{A}\n", 2, "unknown kind 'sha265'; did you mean 'sha256'?"),
        (f"{HEAD},{A}\n", 2, "the kind is missing"),
        (f"{HEAD}sha256,\n", 2, "the hash is missing; a sha256 has 64 hex digits"),
        (f"{HEAD}sha256,{A[:32]}\n", 2, "the hash has 32 digits, as MD5 has; a sha256 has 64"),
        (f"{HEAD}pdq,{A[:-1]}g\n", 2, "is not hex"),
        (f"{HEAD}pdq,{A[:-1]}é\n", 2, "is not hex"),
        (f"{HEAD}sha256,{A},delete\n", 2, "unknown action 'delete'"),
        (f"{HEAD}sha256,{A},,,31.12.2026\n", 2, "write it as 2027-01-31"),
        (f"{HEAD}sha256,{A},,,2026-02-30\n", 2, "is no date"),
        (f"{HEAD}sha256,{A},,{'x' * 501}\n", 2, "the note has 501 characters"),
        (f"{HEAD}sha256,{A},,a,2026-01-01,b\n", 2, "put a text with a comma in quotes"),
        (f'{HEAD}sha256,{A},,"a\n', 2, "cannot be read as CSV"),
        (f"{HEAD}sha256,{A}\npdq,{A}\nsha256,{A.upper()}\n", 4, "the hash stands in line 2 already"),
        (f"{HEAD}sha256,{A}\n".encode("utf-16"), 1, "save the file as UTF-8"),
        (f"{HEAD}sha256,{A},,\xe9\n".encode("latin-1"), 2, "not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(text: str | bytes, line: int, said: str) -> None:
    [(at, words)] = wrong(text)
    assert at == line
    assert said in words


def test_one_wrong_line_among_very_many_is_found() -> None:
    lines = [f"sha256,{number:064x},,," for number in range(20_000)]
    lines[12_345] = "sha256,12345"
    assert [line for line, _ in wrong(HEAD + "\n".join(lines))] == [12_347]


def test_of_very_many_wrong_lines_the_first_are_told() -> None:
    said = wrong(HEAD + "sha256,12345\n" * 20_000)
    assert [line for line, _ in said] == list(range(2, MOST_PROBLEMS + 2))
    assert said[-1][1].endswith("and more are wrong below it")


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_told(content: bytes, headed: bool) -> None:
    entries, said = read_entries(HEAD.encode() + content if headed else content)
    assert (entries is None) == bool(said)


_kind = st.sampled_from(["sha256", "pdq", "sha256", "pdq", "SHA256", " pdq", "md5", ""])
_hash = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
_odd_hash = st.sampled_from([A.upper(), A[:-1], A[:62] + " a", A[:-1] + "é", ""])
_action = st.sampled_from(["", "", "review", "block", "Block", "delete"])
_note = st.sampled_from(["", "seen", "é€", " kept", "in case ", "x" * 501, '"a, b"', "a\rb"])
_expires = st.sampled_from(["", "2027-01-31", "2027-02-01", "2027-1-1", "2027-02-30", "2027-01-310"])
_line = st.tuples(_kind, st.one_of(_hash, _hash, _odd_hash), _action, _note, _expires).map(",".join)
_plain = st.tuples(
    st.sampled_from(["sha256", "pdq"]),
    _hash,
    st.sampled_from(["", "review"]),
    st.sampled_from(["", "é", "of a campaign"]),
    st.sampled_from(["", "2027-01-31", "2027-02-01"]),
).map(",".join)
_lines = st.one_of(st.lists(_plain, min_size=1), st.lists(st.one_of(_plain, _line, st.just("")), min_size=1))


@given(lines=_lines, end=st.sampled_from(["\n", "\r\n"]), last=st.booleans(), at_once=st.sampled_from([1, 150, 1000]))
def test_lines_are_the_same_read_as_bytes_and_read_as_text(
    lines: list[str], end: str, last: bool, at_once: int
) -> None:
    content = (HEAD.strip() + end + end.join(lines) + (end if last else "")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "_BLOCK", at_once)
        fast, fast_said = read_entries(content)
        patch.setattr(csv_file, "take_plain", lambda *_: False)
        slow, slow_said = read_entries(content)
    assert fast_said == slow_said
    assert (fast is None) == (slow is None)
    if fast is not None and slow is not None:
        assert columns(fast) == columns(slow)


def columns(entries: Entries) -> list[object]:
    hashes = entries.exact.hashes, entries.exact.rows, entries.near.hashes, entries.near.rows
    numbers = entries.lines, entries.last_days, entries.actions, entries.note_ends
    return [*(each.tolist() for each in (*hashes, *numbers)), entries.notes]
