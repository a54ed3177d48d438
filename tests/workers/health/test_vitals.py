"""What makes /healthz fail, what is only shown, and that a check which raises is no loophole."""

from __future__ import annotations

from workers.health.vitals import Vitals


def test_all_is_well_where_nobody_has_a_reason() -> None:
    vitals = Vitals(stall_after=10)
    vitals.watch("policies", lambda: None)
    vitals.watch_progress("worker", lambda: 10.0)
    vitals.notice("brake", lambda: None)
    assert vitals.alive() is None
    assert vitals.notices() == []


def test_every_reason_is_given_with_the_name_of_what_it_is_about() -> None:
    vitals = Vitals(stall_after=10)
    vitals.watch_progress("worker", lambda: 10.6)
    vitals.watch("policies", lambda: "the watcher has ended")
    vitals.watch("well", lambda: None)
    assert vitals.alive() == "worker: nothing has moved for 11 s; policies: the watcher has ended"


def test_a_check_is_asked_anew_each_time() -> None:
    reasons = iter(["late", None])
    vitals = Vitals(stall_after=10)
    vitals.watch("policies", lambda: next(reasons))
    assert vitals.alive() == "policies: late"
    assert vitals.alive() is None


def test_a_notice_fails_nothing() -> None:
    vitals = Vitals(stall_after=10)
    vitals.notice("brake", lambda: "paused: 40 dead letters in a row")
    assert vitals.alive() is None
    assert vitals.notices() == ["brake: paused: 40 dead letters in a row"]


def test_a_check_that_raises_is_a_reason_and_hides_no_other() -> None:
    vitals = Vitals(stall_after=10)
    vitals.watch("odd", lambda: str(1 / 0))
    vitals.watch("policies", lambda: "the watcher has ended")
    assert vitals.alive() == (
        "odd: its check failed: ZeroDivisionError: division by zero; policies: the watcher has ended"
    )
