"""EXIF turns a picture as Chromium turns it: which entry counts, in which directory."""

from __future__ import annotations

import struct

import pytest

from pipeline.rules.images.exif import orientation

Entry = tuple[int, int, int, int]
TURN, POINTER, SHORT, LONG = 0x0112, 0x8769, 3, 4
OTHER = (0x0100, SHORT, 1, 3)


def turn(value: int) -> Entry:
    return (TURN, SHORT, 1, value)


def block(*directories: list[Entry], order: str = "<", cut: int = 0) -> bytes:
    """EXIF of directories in a row; a LONG's value counts them, from 0, and the place of that one is written."""
    starts = [8]
    for entries in directories:
        starts.append(starts[-1] + 2 + 12 * len(entries) + 4)
    made = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", 8)
    for entries in directories:
        made += struct.pack(order + "H", len(entries))
        for tag, kind, count, value in entries:
            of_four = struct.pack(order + "I", starts[value] if value < len(starts) else 60_000)
            of_two = struct.pack(order + "HH", value, 0)
            made += struct.pack(order + "HHI", tag, kind, count) + (of_four if kind != SHORT else of_two)
        made += bytes(4)
    return made[: len(made) - cut]


INTO = (POINTER, LONG, 1, 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("directories", "found"),
    [
        ([[turn(9), turn(3)]], 3),
        ([[turn(0), turn(3), turn(6)]], 3),
        ([[turn(1), turn(3)]], 1),
        ([[INTO], [turn(3)]], 3),
        ([[INTO, turn(1)], [turn(3)]], 3),
        ([[turn(1), INTO], [turn(3)]], 1),
        ([[turn(9), INTO], [turn(3)]], 3),
        ([[INTO, turn(6)], [turn(9)]], 6),
        ([[INTO, turn(6)], []], 6),
        ([[INTO, (POINTER, LONG, 1, 2)], [turn(9)], [turn(3)]], 1),
        ([[INTO], [(POINTER, LONG, 1, 2)], [turn(3)]], 1),
        ([[(POINTER, SHORT, 1, 1)], [turn(3)]], 1),
        ([[(POINTER, LONG, 2, 1)], [turn(3)]], 1),
        ([[(POINTER, 13, 1, 1)], [turn(3)]], 1),
        ([[(POINTER, LONG, 2, 1), INTO], [turn(3)]], 3),
        ([[(0x8825, LONG, 1, 1)], [turn(3)]], 1),
        ([[(POINTER, LONG, 1, 99), turn(3)]], 3),
        ([[(POINTER, LONG, 1, 0), turn(3)]], 3),
        ([[OTHER], [turn(3)]], 1),
    ],
)
def test_the_first_that_holds_counts_in_the_order_of_the_entries(
    directories: list[list[Entry]], found: int, order: str
) -> None:
    assert orientation(block(*directories, order=order)) == found


def test_an_entry_counts_only_where_all_of_it_is_there() -> None:
    assert orientation(block([turn(3)], cut=4)) == 3
    assert orientation(block([turn(3)], cut=5)) == 1
    assert orientation(block([INTO], [turn(3)], cut=4)) == 3
    assert orientation(block([INTO], [turn(3)], cut=6)) == 1
    assert orientation(block([turn(3), OTHER], cut=5)) == 3
