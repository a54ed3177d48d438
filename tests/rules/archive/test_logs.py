"""Names of topics that were made anew."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.archive.chain import ChainName
from pipeline.rules.archive.covering import cover_of, covering
from pipeline.rules.archive.logs import log_name, topic_of
from pipeline.rules.archive.names import Group, SegmentName, checked_name, parse_path

TOPIC = "sluice.features.v1"
GROUP = Group("m", "p", date(2026, 1, 1))
topics = st.text("abcXYZ019._-", min_size=1, max_size=40)


@given(topic=topics, topic_id=st.text(max_size=30))
def test_a_name_tells_its_topic_and_is_one_of_a_segment(topic: str, topic_id: str) -> None:
    log = log_name(topic, topic_id)
    assert topic_of(log) == topic
    path = ChainName(GROUP.folder, log, 3).path(17)
    assert checked_name(path) == path
    assert parse_path(path) == SegmentName(GROUP, log, 3, 17)


@pytest.mark.parametrize("other", ["", "b"])
def test_what_holds_records_of_one_covers_none_of_the_other(other: str) -> None:
    merged = SegmentName(GROUP, log_name(TOPIC, "a"), 0, 0, 100)
    anew = SegmentName(GROUP, log_name(TOPIC, other), 0, 10)
    assert covering([merged, anew]).void == []
    assert cover_of(anew, [merged]) is None
