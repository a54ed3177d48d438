"""The part of a topic that a time asks for."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryBroker, MemoryTopic
from pipeline.ports import Span
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Record
from workers.history.reading import LATE, advancing, size_of, spans_within


def topic_of(times: Sequence[float]) -> MemoryTopic:
    broker = MemoryBroker(partitions=2, clock=iter(times).__next__)
    for _ in times:
        broker.append(Record("decisions", None, b"x", (), 1))
    return MemoryTopic(broker, "decisions")


def test_nothing_before_it_is_read_and_little_behind_it() -> None:
    topic = topic_of([10.0, 20.0, 30.0, 30.0 + LATE, 40.0 + LATE])
    assert spans_within(topic, ALWAYS) == {0: Span(0, 0), 1: Span(0, 5)}
    assert spans_within(topic, Window(since=15.0))[1] == Span(1, 5)
    assert spans_within(topic, Window(until=30.0))[1] == Span(0, 3)
    assert spans_within(topic, Window(since=20.0, until=31.0))[1] == Span(1, 4)
    assert spans_within(topic, Window(since=1_000.0))[1] == Span(5, 5)
    assert size_of(spans_within(topic, Window(since=20.0))) == 4


LATENESS = st.floats(0.0, LATE)


@given(st.lists(st.tuples(st.floats(0.0, 500.0), LATENESS)), st.floats(0.0, 500.0), st.floats(0.0, 500.0))
def test_no_record_of_the_window_is_missed_however_late_it_stands(
    written: list[tuple[float, float]], since: float, until: float
) -> None:
    """Each record stands where it was appended, up to `LATE` seconds after the time that it bears."""
    times = [appended - late for appended, late in sorted(written)]
    topic, window = topic_of(times), Window(since, until)
    counts: list[int] = []
    found = [event.timestamp for event in advancing(topic.read(spans_within(topic, window)), counts.append)]
    assert sorted(time for time in found if window.holds(time)) == sorted(filter(window.holds, times))
    assert sum(counts) == len(found)
