"""An archive's last day beside the month before it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pipeline.archive.archive import Archive
from pipeline.lab.drift.compare import compared
from pipeline.lab.drift.periods import periods
from pipeline.lab.drift.record import Report
from pipeline.lab.drift.tally import tallied
from pipeline.ports import Store
from tests.archive.made import keep
from tests.lab.drift.days import OTHER, day_of_images, month


def reported(store: Store, day: date | None = None) -> Report:
    archive = Archive(store)
    of = periods(archive.segments(), day)
    assert of is not None
    return compared("archive", archive.segments(), of, tallied(archive, [*of.before, *of.last]))


def test_days_that_are_alike_are_no_drift() -> None:
    report = reported(month(np.random.default_rng(1)))
    [policy] = report.policies
    assert (report.day, report.days_before, policy.policy) == ("2026-10-11", 20, "knives")
    assert policy.chance is not None
    assert not policy.drifted
    assert report.features is not None
    assert not report.features.drifted
    assert [each.images for each in report.days] == [60] * 21


def test_a_day_of_other_scores_and_other_images_is_drift_in_both() -> None:
    report = reported(month(np.random.default_rng(1), last=0.3))
    [policy] = report.policies
    assert policy.chance == pytest.approx(1 / 21)
    assert policy.drifted
    assert policy.stability is not None
    assert policy.stability > 0.25
    assert policy.rate_before is not None
    assert policy.rate.low > policy.rate_before.high
    assert report.features is not None
    assert report.features.drifted
    assert report.features.mean_shift > 0.05


def test_rates_and_scores_are_those_that_were_decided() -> None:
    store = month(np.random.default_rng(2))
    report = reported(store)
    archive = Archive(store)
    said = [
        block.decision(event)
        for block in archive.blocks(archive.segments()[-1:], ["view", "views", "decision"])
        for event in range(block.events)
    ]
    [policy] = report.policies
    scores = np.array([each.scores["knives"] for each in said])
    assert policy.rate.matches == sum(bool(each.matches) for each in said)
    assert policy.scores.mean == pytest.approx(scores.mean())
    assert policy.scores.median == pytest.approx(np.median(scores), abs=0.02)
    assert report.days[-1].verdicts["allow"] == sum(each.verdict == "allow" for each in said)


def test_a_day_alone_and_few_days_tell_what_they_can() -> None:
    alone = reported(month(np.random.default_rng(3), days=0))
    assert alone.features is None
    assert alone.policies[0].stability is None
    few = reported(month(np.random.default_rng(3), days=3, last=0.3))
    assert few.policies[0].stability is not None
    assert few.policies[0].chance is None
    assert not few.policies[0].drifted


def test_only_rows_of_one_model_are_compared_and_the_others_are_counted() -> None:
    rng = np.random.default_rng(4)
    store = month(rng, days=2)
    keep(store, day_of_images(1, rng.normal(size=(5, 16)), np.full(5, 0.9), made_by=OTHER), start=900_000)
    report = reported(store)
    assert (report.model, report.left_out) == ("f00d", 1)
    assert [each.images for each in report.days] == [60] * 3


def test_a_day_can_be_named_and_one_without_rows_is_none() -> None:
    store = month(np.random.default_rng(5), days=3)
    assert reported(store, date(2026, 9, 23)).day == "2026-09-23"
    assert reported(store, date(2026, 9, 23)).days_before == 2
    assert periods(Archive(store).segments(), date(2020, 1, 1)) is None


def test_an_edit_of_policies_on_the_day_is_said() -> None:
    rng = np.random.default_rng(6)
    store = month(rng, days=2)
    assert not reported(store).edited
    made = day_of_images(3, rng.normal(size=(5, 16)), np.full(5, 0.9), policy_set="ba9876543210")
    keep(store, made, start=900_000)
    assert reported(store).edited
