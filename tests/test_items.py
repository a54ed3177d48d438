"""Items and batches: what an item says of its failure and weighs, and how batches join and part."""

from __future__ import annotations

import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ItemError, Reason, RetryError
from pipeline.items import HEADER_HELD, MESSAGE_LIMIT, Batch, Item
from pipeline.wire import Event


def item(offset: int = 0, value: bytes | None = b"image", views: int = 0) -> Item:
    made = Item(Event("t", 0, offset, None, value))
    made.pixels = np.zeros((views, 2, 2, 3), np.uint8) if views else None
    return made


class OddError(Exception):
    """An error that Sluice does not know."""


@pytest.mark.parametrize(
    ("error", "reason", "passing"),
    [
        (ItemError(Reason.TRUNCATED, "cut off"), "truncated", False),
        (RetryError(Reason.FETCH_FAILED, "refused"), "fetch_failed", True),
        (OddError("what"), "stage_failed", False),
    ],
)
def test_a_failure_says_where_why_and_whether_it_may_pass(error: Exception, reason: str, passing: bool) -> None:
    failed = item()
    failed.fail("decode", error)
    assert failed.failure is not None
    assert (failed.failure.stage, failed.failure.reason, failed.failure.passing) == ("decode", reason, passing)
    assert failed.failure.message == str(error)
    kind = type(error)
    assert failed.failure.exception == f"{kind.__module__}.{kind.__name__}"


def test_an_error_without_words_is_told_by_its_name_and_a_long_one_is_cut() -> None:
    silent, long = item(), item()
    silent.fail("encode", OddError())
    long.fail("encode", OddError("x" * (MESSAGE_LIMIT + 1)))
    assert silent.failure is not None
    assert silent.failure.message == "OddError"
    assert long.failure is not None
    assert long.failure.message == "x" * MESSAGE_LIMIT


def test_an_item_that_fails_late_has_no_decision_any_more() -> None:
    decided = item()
    decided.decision = object()  # type: ignore[assignment]
    decided.fail("publish", OddError("refused"))
    assert decided.decision is None


def test_an_items_weight_is_what_its_event_brought_and_an_image_that_was_fetched() -> None:
    event = Event("t", 0, 0, b"key", b"value", [("a", b"12"), ("b", None)])
    inline, claimed = Item(event), Item(event)
    inline.image = event.value or b""
    claimed.image = b"fetched image"
    assert inline.weigh() == inline.weight == len(b"keyvaluea12b") + 2 * HEADER_HELD
    assert claimed.weigh() == claimed.weight == inline.weight + len(b"fetched image")
    assert Item(Event("t", 0, 0, None, None)).weigh() == 0


def test_empty_headers_and_long_names_weigh_what_they_take_in_memory() -> None:
    bare = Event("t", 0, 0, None, b"value")
    empty = replace(bare, headers=[("", b"")] * 1000)
    named = replace(bare, headers=[("n" * 1_000_000, None)])
    held = sum(map(sys.getsizeof, (("", b""), "", b""))) * 1000
    assert Item(empty).weigh() >= held
    assert Item(named).weigh() > 1_000_000


@pytest.mark.parametrize("value", [b"image", b"", None])
def test_the_hash_of_a_value_is_that_of_its_bytes(value: bytes | None) -> None:
    hashed = item(value=value)
    assert hashed.hashed_value() == hashed.value_sha256 == sha256(value or b"").hexdigest()
    assert hashed.event_id == item(value=value).event_id


def test_a_batch_takes_in_what_was_polled_under_the_same_assignment_alone() -> None:
    first, second, other = (Batch([item(n)], float(n), generation) for n, generation in ((0, 1), (1, 1), (2, 2)))
    assert first.can_absorb(second)
    assert not first.can_absorb(other)
    first.absorb(second)
    assert [each.event.offset for each in first.items] == [0, 1]
    assert (first.polled_at, first.generation) == (0.0, 1)


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 14), st.integers(-1, 40))
def test_a_batch_parts_into_the_same_items_and_counts_its_views(views: list[int], count: int, most: int) -> None:
    """An item counts for one view while it has none."""
    whole = Batch([item(offset, views=each) for offset, each in enumerate(views)], 5.0, 7)
    counted = [max(1, each) for each in views]
    assert whole.views == sum(counted)
    fitting = whole.within(most)
    assert sum(counted[:fitting]) <= max(0, most)
    assert fitting == len(views) or sum(counted[: fitting + 1]) > most
    first = whole.split(count)
    assert [each.event.offset for each in (*first.items, *whole.items)] == list(range(len(views)))
    assert (len(first), first.polled_at, first.generation) == (min(count, len(views)), 5.0, 7)


def test_a_batch_knows_which_of_its_items_have_not_failed() -> None:
    batch = Batch([item(0), item(1), item(2)])
    batch.items[1].fail("decode", OddError("no"))
    assert [each.event.offset for each in batch.unfailed()] == [0, 2]
