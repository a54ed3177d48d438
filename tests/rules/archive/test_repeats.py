from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from pipeline.rules.archive.repeats import Repeats

LOG = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 4)), max_size=60)


def kept(log: list[tuple[str, int]], repeats: Repeats, offset: int = 0) -> list[tuple[int, str]]:
    found = []
    for event_id, gap in log:
        offset += gap
        if not repeats.is_repeat(offset, event_id):
            found.append((offset, event_id))
    return found


@given(LOG, st.integers(1, 20))
def test_an_event_is_kept_again_only_beyond_the_window(log: list[tuple[str, int]], window: int) -> None:
    last: dict[str, int] = {}
    for offset, event_id in kept(log, Repeats(window)):
        assert offset - last.get(event_id, -1000) > window
        last[event_id] = offset


@given(LOG, st.integers(1, 20), st.integers(0, 60))
def test_who_begins_in_the_middle_keeps_the_same_when_told_what_was_kept(
    log: list[tuple[str, int]], window: int, at: int
) -> None:
    whole = kept(log, Repeats(window))
    begins = sum(gap for _, gap in log[:at])
    later = Repeats(window)
    later.known(reversed([each for each in whole if begins - window <= each[0] <= begins]))
    assert kept(log[at:], later, begins) == [each for each in whole if each[0] > begins]


def test_memory_is_bounded_by_the_window() -> None:
    repeats = Repeats(10)
    for offset in range(1000):
        repeats.is_repeat(offset, str(offset))
    assert len(repeats) <= 11
