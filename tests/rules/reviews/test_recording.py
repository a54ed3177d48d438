"""Reviews that are recorded: ids that a repeat has too, and that settle to one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.rules.reviews.recording import identified, review_record
from pipeline.rules.reviews.settled import settle
from pipeline.wire import Review, parse_review

WRITTEN = Review(review_id="reviews.csv:2", event_id="", image_id="cat", policy="weapons", label="no", at="")
FIELDS = {"event_id": "e", "image_id": "dog", "policy": "gore", "label": "yes", "reviewer": "ann"}


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=5))
def test_the_id_is_of_what_was_written_down(field: str, where: str) -> None:
    one = identified(WRITTEN, "", "2026-03-01T00:00:00Z")
    again = identified(replace(WRITTEN, review_id=where), "", "2026-03-02T00:00:00Z")
    other = identified(replace(WRITTEN, **{field: FIELDS[field]}), "", "2026-03-01T00:00:00Z")
    assert one.review_id == again.review_id != other.review_id
    assert (one.at, again.at) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")


def test_what_it_says_itself_stays() -> None:
    said = replace(WRITTEN, reviewer="ann", at="2026-01-01T00:00:00Z")
    found = identified(said, "bob", "2026-03-01T00:00:00Z")
    assert (found.reviewer, found.at) == ("ann", "2026-01-01T00:00:00Z")
    assert identified(WRITTEN, "bob", "2026-03-01T00:00:00Z").reviewer == "bob"


def test_its_key_is_the_image_id_or_else_the_events() -> None:
    record = review_record(WRITTEN, "t")
    assert (record.topic, record.key, parse_review(record.value or b"")) == ("t", b"cat", WRITTEN)
    assert review_record(replace(WRITTEN, image_id="", event_id="e1"), "t").key == b"e1"


def test_a_file_that_is_recorded_twice_counts_once_and_undoes_nothing_that_came_between() -> None:
    first = identified(WRITTEN, "", "2026-03-01T00:00:00Z")
    between = identified(replace(WRITTEN, label="yes"), "", "2026-03-02T00:00:00Z")
    again = identified(WRITTEN, "", "2026-03-03T00:00:00Z")
    once = settle([first, between])["weapons"]
    found = settle([first, between, again])["weapons"]
    assert (found, found.replaced) == (once, once.replaced)
    assert (once.labels[0].label, once.replaced) == ("yes", 1)
