"""The brake: too many dead letters that speak of us, and the worker takes no more but trials."""

from __future__ import annotations

from pipeline.rules.flow.brake import GOOD_RUN, WINDOW, Brake, BrakeLimits
from pipeline.wire import Failure

AWAY = "away"
"""Stands for a store that did not answer for too long."""


def told(brake: Brake, *reasons: str | None, claim: bool = False) -> Brake:
    for reason in reasons:
        passing = reason == AWAY
        failure = Failure("fetch", "fetch_failed" if passing else reason, "E", "", passing) if reason else None
        brake.answered(failure, claim=claim)
    return brake


def test_a_run_of_dead_letters_that_speak_of_us_puts_it_on_and_says_why() -> None:
    brake = told(Brake(BrakeLimits(run=10)), *[AWAY] * 9, claim=True)
    assert brake.reason is None
    told(brake, AWAY, claim=True)
    assert "last 10 claim checks" in str(brake.reason)


def test_one_that_is_fine_breaks_the_run() -> None:
    brake = told(Brake(BrakeLimits(run=10)), *["stage_failed"] * 9, None, *["stage_failed"] * 9)
    assert brake.reason is None
    assert "last 10 images became" in str(told(brake, "answer_refused").reason)


def test_one_that_is_fine_never_puts_it_on() -> None:
    brake = told(Brake(BrakeLimits(run=0, ratio=0.5)), *["stage_failed"] * (WINDOW // 2), *[None] * (WINDOW // 2))
    assert brake.reason is None
    assert told(brake, "stage_failed").reason is not None


def test_any_number_of_strangers_broken_files_does_not() -> None:
    brake = told(Brake(BrakeLimits()), *["not_an_image", "truncated", "too_large", "malformed_claim"] * 500)
    told(brake, *["fetch_failed", "fetch_refused", "checksum_mismatch"] * 500, claim=True)  # of what is not there
    assert brake.reason is None


def test_a_ratio_puts_it_on_where_good_ones_break_every_run() -> None:
    brake = told(Brake(BrakeLimits(run=0, ratio=0.5)), *["stage_failed", None] * (WINDOW // 2 - 1), None)
    assert brake.reason is None, "there are not enough to tell"
    told(brake, *["stage_failed", None] * 2)
    assert "50%" in str(brake.reason)


def test_claim_checks_and_images_are_counted_apart() -> None:
    brake = Brake(BrakeLimits(run=10))
    for _ in range(10):
        told(brake, AWAY, claim=True)
        told(brake, None)
    assert brake.reason is not None


def test_either_limit_can_be_turned_off() -> None:
    assert told(Brake(BrakeLimits(0, 0.0)), *["stage_failed"] * 1000).reason is None


def test_while_it_is_on_one_event_is_tried_now_and_then() -> None:
    brake = Brake(BrakeLimits(run=1, trial_interval=10.0))
    assert brake.room(64, inside=False, now=0.0) == 64
    told(brake, "stage_failed")
    assert brake.room(64, inside=False, now=0.0) == 1
    assert brake.room(64, inside=True, now=0.0) == 0
    brake.tried(0.0)
    assert brake.room(64, inside=False, now=9.0) == 0
    assert brake.room(64, inside=False, now=10.0) == 1
    assert brake.room(0, inside=False, now=10.0) == 0


def test_a_run_of_good_trials_takes_it_off_and_a_bad_one_breaks_the_run() -> None:
    brake = told(Brake(BrakeLimits(run=1)), "stage_failed", *[None] * (GOOD_RUN - 1))
    assert brake.reason is not None
    for _ in range(2):
        told(brake, "stage_failed", *[None] * (GOOD_RUN - 1))
        assert brake.reason is not None
    told(brake, None)
    assert brake.reason is None


def test_trials_of_the_other_kind_prove_nothing_and_cost_no_waiting() -> None:
    brake = told(Brake(BrakeLimits(run=1)), AWAY, claim=True)
    brake.tried(0.0)
    told(brake, *[None] * 50)
    assert brake.reason is not None
    assert brake.room(64, inside=False, now=0.1) == 1


def test_a_person_takes_it_off_at_once_and_it_counts_anew() -> None:
    brake = told(Brake(BrakeLimits(run=3)), *["stage_failed"] * 3)
    brake.release()
    assert brake.room(64, inside=False, now=0.0) == 64
    assert told(brake, "stage_failed", "stage_failed").reason is None
    assert told(brake, AWAY, AWAY, claim=True).reason is None
    told(brake, "stage_failed", *[None] * (GOOD_RUN - 1))
    assert brake.reason is not None
    assert told(brake, None).reason is None


def test_letting_go_forgets_the_good_trials_too() -> None:
    brake = told(Brake(BrakeLimits(run=1)), "stage_failed", None)
    brake.release()
    told(brake, "stage_failed", *[None] * (GOOD_RUN - 1))
    assert brake.reason is not None
