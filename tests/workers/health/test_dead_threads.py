"""A thread that dies is heard of."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from workers.health.dead_threads import watch_threads
from workers.health.vitals import Vitals


@pytest.fixture(autouse=True)
def _hook_as_it_was() -> Iterator[None]:
    before = threading.excepthook
    yield
    threading.excepthook = before


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), SystemExit(3), MemoryError()])
def test_a_thread_that_dies_makes_the_process_unwell_and_is_logged(error: BaseException) -> None:
    vitals = Vitals(stall_after=10)
    watch_threads(vitals)
    assert vitals.alive() is None

    def die() -> None:
        raise error

    with capture_logs() as logged:
        thread = threading.Thread(target=die, name="sluice-doomed")
        thread.start()
        thread.join()
    assert vitals.alive() == f"threads: sluice-doomed has ended: {type(error).__name__}: {error}"
    [line] = logged
    assert (line["event"], line["thread"], line["exc_info"]) == ("thread_died", "sluice-doomed", error)


def test_a_thread_that_ends_well_is_no_news() -> None:
    vitals = Vitals(stall_after=10)
    watch_threads(vitals)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert vitals.alive() is None
