"""A bound on calls that have none."""

from __future__ import annotations

import threading

import pytest

from pipeline.bounded import within


def test_what_the_call_returns_or_raises_comes_through() -> None:
    assert within(1.0, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        within(1.0, lambda: 1 // 0)


def test_a_call_that_takes_longer_is_left_behind() -> None:
    free = threading.Event()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        within(0.05, lambda: free.wait(60))
    assert not free.is_set()
    free.set()
