"""What makes /healthz fail, what is only shown, and that a check which raises is no loophole."""

from __future__ import annotations

import threading

from structlog.testing import capture_logs

from tests.services.deadline import until
from workers.health.stacks import stacks
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


def test_what_every_thread_is_in_is_logged_once_for_each_time_that_it_is_not_well() -> None:
    reasons: list[str | None] = ["nothing has moved for 130 s", "nothing has moved for 140 s", None, "it hangs again"]
    vitals, go = Vitals(stall_after=10), threading.Event()
    vitals.watch("worker", lambda: reasons.pop(0))
    hung = threading.Thread(target=_hang_in_the_decoder, args=(go,), name="sluice-decode")
    hung.start()
    until(lambda: "_hang_in_the_decoder" in stacks()["sluice-decode"], 60, "the thread in its place")
    with capture_logs() as logged:
        while reasons:
            vitals.alive()
    go.set()
    hung.join()
    assert [(line["event"], line["reason"]) for line in logged] == [
        ("not_alive", "worker: nothing has moved for 130 s"),
        ("not_alive", "worker: it hangs again"),
    ]
    in_what = logged[0]["threads"]["sluice-decode"]
    assert in_what.index(" wait") < in_what.index(f"{__file__}:") < in_what.index("_hang_in_the_decoder")
    assert "MainThread" not in logged[0]["threads"], "the one who asks is not the one who hangs"


def _hang_in_the_decoder(go: threading.Event) -> None:
    go.wait(60)


def test_a_worker_that_no_broker_takes_in_shows_why_until_one_does_and_is_not_restarted_for_it() -> None:
    vitals = Vitals(stall_after=10)
    vitals.kafka_away("Kafka at kafka:9092 does not admit user 'sluice'")
    assert vitals.notices() == ["kafka: Kafka at kafka:9092 does not admit user 'sluice'"]
    assert vitals.alive() is None
    vitals.kafka_away(None)
    assert vitals.notices() == []
