"""What a person may say of a time, and which days a window has."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.times import ALWAYS, Window, in_utc, parse_time

NOW = 1_764_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", NOW - 90),
        ("30m", NOW - 1800),
        (" 1.5h ", NOW - 5400),
        ("2d", NOW - 172_800),
        ("1w", NOW - 604_800),
        ("2026-03-01T14:00", datetime(2026, 3, 1, 14, tzinfo=UTC).timestamp()),
        ("2026-03-01T14:00:00+02:00", datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()),
        ("2026-03-01T14:00:00Z", datetime(2026, 3, 1, 14, tzinfo=UTC).timestamp()),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC).timestamp()),
    ],
)
def test_a_time_may_be_said_from_now_back_or_as_it_is(text: str, seconds: float) -> None:
    assert parse_time(text, NOW) == seconds


@pytest.mark.parametrize("text", ["", "2", "yesterday", "-2h", "2 h", "2026-13-01", "٢h", "9999999999999s"])
def test_what_is_no_time_is_said_with_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match="2h"):
        parse_time(text, NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse_time(text, NOW), float)
    except ValueError as error:
        assert "is no time" in str(error)  # noqa: PT017 - either is right


START = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
TIMES = st.floats(START, START + 4 * 86_400)


@given(TIMES, TIMES, st.dates(date(2026, 2, 27), date(2026, 3, 6)), st.lists(TIMES, min_size=1))
def test_a_window_knows_which_days_it_touches_and_covers(
    since: float, until: float, day: date, times: list[float]
) -> None:
    window = Window(since, until)
    for each in times:
        if datetime.fromtimestamp(each, UTC).date() == day:
            assert window.touches(day) or not window.holds(each)
            assert window.holds(each) or not window.covers(day)


def test_a_day_is_touched_by_its_first_moment_and_covered_by_all_of_them() -> None:
    day, before = date(2026, 3, 2), date(2026, 3, 1)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    end = (start + timedelta(days=1)).timestamp()
    assert Window(start.timestamp(), end).covers(day)
    assert not Window(start.timestamp(), end).touches(before)
    assert not Window(start.timestamp() + 1, end).covers(day)
    assert not Window(start.timestamp(), end - 1).covers(day)
    assert Window(until=start.timestamp() + 1).touches(day)
    assert not Window(until=start.timestamp()).touches(day)
    assert ALWAYS.covers(day)
    assert ALWAYS.touches(day)


def test_what_lies_before_all_calendars_is_a_window_too() -> None:
    assert Window(since=parse_time("999999999w", NOW)).covers(date(1, 1, 1))


def test_a_time_without_a_zone_is_utc_and_one_that_is_none_there_is_refused() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert [in_utc(text) for text in ("2026-03-01T12:00", "2026-03-01T14:00:00+02:00")] == [noon, noon]
    for text in ("soon", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(ValueError, match=text.replace("+", ".")):
            in_utc(text)
