"""Checks stand each by itself: what hangs, raises or is a bug in one is told, and the others are told as well."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipeline.errors import ServiceError
from workers.doctor.examination import Check, examine
from workers.doctor.finding import Finding, ok, warn


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What a hanging check waits for; it ends with the test."""
    released = threading.Event()
    yield released
    released.set()


def test_a_check_that_hangs_fails_in_its_time_and_stops_no_other(hanging: threading.Event) -> None:
    def hang() -> Finding:
        hanging.wait()
        return ok("at last")

    found = dict(examine([Check("hangs", hang, 0.2), Check("well", lambda: ok("fine"))]))
    assert found["hangs"].status == "fail"
    assert "0.2 s" in found["hangs"].found
    assert found["well"] == ok("fine")


def test_all_begin_at_once() -> None:
    both = threading.Barrier(2, timeout=30)

    def meet() -> Finding:
        both.wait()
        return ok("met")

    assert [finding for _, finding in examine([Check("a", meet, 60), Check("b", meet, 60)])] == [ok("met")] * 2


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    def away() -> Finding:
        raise ServiceError("no broker at b:1; start\none")

    def bug() -> Finding:
        raise ZeroDivisionError("by zero")

    found = dict(examine([Check("away", away), Check("bug", bug)]))
    assert found["away"] == Finding("fail", "no broker at b:1", "start one")
    assert (found["bug"].status, found["bug"].found) == ("fail", "ZeroDivisionError: by zero")
    assert found["bug"].todo


def test_a_check_of_several_things_names_each() -> None:
    several = {"one": ok("1"), "two": warn("2", "count")}
    assert dict(examine([Check("topic", lambda: several)])) == {"topic one": ok("1"), "topic two": several["two"]}
