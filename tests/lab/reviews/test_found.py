"""Reviewed images are found again in the archive, and score what decisions would give them now."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.lab.backtest.bounds import LookAtAll, every_score
from pipeline.lab.backtest.engine import COLUMNS as OF_SCREEN
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.lab.reviews.found import COLUMNS, LookedThrough, look_through
from pipeline.rules.archive.remembered import signals_of
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Policy, PolicySet
from pipeline.rules.reviews.settled import settle
from pipeline.wire import FeaturesRecord, Label, Review
from tests.archive.made import keep, records

POLICIES = (
    Policy("tobacco", "Tobacco", ("a cigarette",), {"label": 0.5}),
    Policy("weapons", "Weapons", ("a knife", "a gun"), {"review": 0.4, "block": 0.8}),
    Policy("off", "Off", ("a cup",), {"label": 0.5}, mode="off"),
)


@pytest.fixture(scope="module")
def compiled() -> CompiledPolicies:
    policy_set = PolicySet(POLICIES)
    sentences = list(policy_set.sentences())
    vectors = np.random.default_rng(5).normal(size=(len(sentences), 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return compile_policies(policy_set, dict(zip(sentences, vectors, strict=True)), 20.0, -3.0)


def review(image: str = "", event: str = "", policy: str = "weapons", label: Label = "yes", at: str = "") -> Review:
    return Review(review_id="r", event_id=event, image_id=image, policy=policy, label=label, at=at)


def looked(made: list[FeaturesRecord], compiled: CompiledPolicies, *reviews: Review) -> LookedThrough:
    store = MemoryStore()
    keep(store, made)
    archive = Archive(store)
    columns = list(dict.fromkeys((*COLUMNS, *OF_SCREEN)))
    blocks = list(archive.blocks(archive.segments(), columns))
    found = look_through(blocks, compiled, settle(reviews), every_score(FastLook([compiled]), len(compiled.ids)))
    exact = look_through(blocks, compiled, settle(reviews), every_score(LookAtAll([compiled]), len(compiled.ids)))
    for policy, each in found.policies.items():
        assert each.population.counts.tolist() == exact.policies[policy].population.counts.tolist()
    return found


def score(record: FeaturesRecord, compiled: CompiledPolicies, policy: str = "weapons") -> float:
    (judgement,) = judge([signals_of(record)], compiled)
    return judgement.scores[policy]


def test_by_image_and_by_event_they_score_as_they_are_judged(compiled: CompiledPolicies) -> None:
    made = records(30)
    found = looked(
        made,
        compiled,
        review("image-3"),
        review(event=made[7].decision.event_id),
        review("image-4", policy="tobacco"),
    )
    expected = sorted(score(made[at], compiled) for at in (3, 7))
    assert found.policies["weapons"].scores.tolist() == expected
    assert found.policies["tobacco"].scores.tolist() == [score(made[4], compiled, "tobacco")]
    assert found.images == 30


def test_what_was_said_by_an_images_id_and_by_its_events_is_of_one_image_and_the_last_counts(
    compiled: CompiledPolicies,
) -> None:
    made = records(10)
    event = made[3].decision.event_id
    for image_at, event_at, shows in (("2026-03-01", "2026-03-02", True), ("2026-03-02", "2026-03-01", False)):
        by_image, by_event = review("image-3", label="no", at=image_at), review(event=event, at=event_at)
        for said in ([by_image, by_event], [by_event, by_image]):
            found = looked(made, compiled, *said, review("elsewhere")).policies["weapons"]
            assert (found.shows.tolist(), found.missing) == ([shows], 1)
            assert (found.reviews.replaced, found.reviews.by_several, found.reviews.disputed) == (1, 1, 1)


def test_without_times_the_last_of_all_lines_counts_whichever_id_it_names(compiled: CompiledPolicies) -> None:
    made = records(10)
    between = review(event=made[3].decision.event_id, label="no")
    said = [replace(review("image-3"), review_id=str(at)) for at in range(2)]
    (shows,) = looked(made, compiled, said[0], between, said[1]).policies["weapons"].shows
    assert shows


def test_all_others_are_counted_by_their_scores(compiled: CompiledPolicies) -> None:
    made = records(30)
    population = looked(made, compiled, review("image-3")).policies["weapons"].population
    for threshold in (0.0, 0.05, 0.4, 1.0):
        assert population.at_least(threshold) == sum(score(each, compiled) >= threshold for each in made)


def test_an_image_that_was_decided_again_counts_once_by_its_last_decision(compiled: CompiledPolicies) -> None:
    made = records(5)
    again = replace_id(made[4], "image-1")
    found = looked([*made[:4], again], compiled, review("image-1")).policies["weapons"]
    assert found.scores.tolist() == [score(again, compiled)]


def test_what_is_not_there_is_counted_and_policies_that_are_not_scored_are_left_out(
    compiled: CompiledPolicies,
) -> None:
    found = looked(records(5), compiled, review("elsewhere"), review("image-1"), review("image-1", policy="off"))
    assert list(found.policies) == ["weapons"]
    assert (found.policies["weapons"].missing, len(found.policies["weapons"].scores)) == (1, 1)


def replace_id(record: FeaturesRecord, image: str) -> FeaturesRecord:
    return replace(record, decision=replace(record.decision, image_id=image))
