"""A bound on calls that have none."""

from __future__ import annotations

import time

import pytest

from pipeline.bounded import within


def test_what_the_call_returns_or_raises_comes_through() -> None:
    assert within(1.0, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        within(1.0, lambda: 1 // 0)


def test_a_call_that_takes_longer_is_left_behind() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        within(0.05, lambda: time.sleep(1))
    assert time.monotonic() - started < 0.5
