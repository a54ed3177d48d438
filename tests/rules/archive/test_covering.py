from __future__ import annotations

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.archive.covering import cover_of, covering
from pipeline.rules.archive.names import Group, SegmentName, parse_path

GROUP = Group("f00d", "fast-64", date(2026, 9, 21))
ENDS = [0, 10, 25, 30, 50, 70, 71, 90]
"""A chain of the archiver's: each segment goes from one of these to the next."""


def _name(start: int, end: int | None = None, partition: int = 0) -> SegmentName:
    return SegmentName(GROUP, "sluice.features.v1", partition, start, end)


RANGES = st.lists(
    st.tuples(st.integers(0, len(ENDS) - 2), st.integers(1, len(ENDS) - 1)).map(
        lambda both: (ENDS[both[0]], ENDS[max(both[1], both[0] + 1)])
    ),
    max_size=6,
)


def _records(start: int, end: int) -> set[int]:
    return set(range(start, end))


@given(RANGES, st.sets(st.sampled_from(ENDS[:-1])))
def test_every_record_that_any_segment_holds_is_in_one_part(ranges: list[tuple[int, int]], plain: set[int]) -> None:
    own_end = dict(pairwise(ENDS))
    held = {_name(*each): _records(*each) for each in ranges}
    held |= {_name(start): _records(start, own_end[start]) for start in plain}
    parts, void = covering(held)
    found: list[int] = []
    for name, first, until in parts:
        counted = [record for record in held[name] if record >= first]
        assert until is None or all(record < until for record in counted)
        found += counted
    assert len(found) == len(set(found))
    assert set(found) == set().union(*held.values())
    assert {part.name for part in parts} | set(void) == set(held)
    left = set(held) - set(void)
    assert set().union(*(held[name] for name in left)) == set(found)


def test_a_segment_of_a_zombie_that_begins_within_a_merged_one_is_void() -> None:
    merged, zombie, later = _name(0, 50), _name(25), _name(50)
    assert covering([zombie, later, merged]).void == [zombie]
    assert cover_of(zombie, [later, merged]) == merged
    assert cover_of(_name(0), [merged]) == merged
    assert cover_of(later, [merged]) is None


def test_chains_have_nothing_to_do_with_each_other() -> None:
    merged, other = _name(0, 50), _name(25, partition=1)
    assert covering([merged, other]).void == []
    assert cover_of(other, [merged]) is None


@given(st.integers(0, 2**60), st.one_of(st.none(), st.integers(1, 2**60)), st.sampled_from(["a-1", "t.x_2", "a-0-7"]))
def test_a_name_is_read_back_from_its_path(start: int, length: int | None, topic: str) -> None:
    name = SegmentName(GROUP, topic, 3, start, None if length is None else start + length)
    assert parse_path(name.path) == name


def test_a_range_that_ends_before_it_begins_is_no_name() -> None:
    assert parse_path(_name(30, 50).path.replace("50.", "20.")) is None
