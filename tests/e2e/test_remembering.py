"""A worker that remembers, on a real Kafka: each decision has its features record, by which it can be made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from pipeline.adapters.redis import RedisConnection, RedisTextCache
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks
from pipeline.rules.archive.backgrounds import background_digest
from pipeline.rules.archive.remembered import signals_of
from pipeline.rules.judging import judge
from pipeline.wire import Decision, FeaturesRecord, PolicySetRecord, parse_archive_record, parse_decision
from tests.e2e.conftest import Settings
from tests.e2e.pictures import hostile_pictures, picture, pictures
from tests.e2e.pipeline_under_test import Pipeline, Worker, unique
from tests.e2e.policies_under_test import edit, policy, write_policies
from tests.images import animated, encoded, on_nothing, photograph
from tests.services.deadline import until
from tests.services.kafka import Record
from tests.services.redis import RedisServer
from workers.assembly import load_encoder
from workers.settings.resolved import load_settings

VIEWS = [
    animated([photograph(48, 32, seed=seed) for seed in range(3)], duration=200),
    encoded(on_nothing((255, 255, 255))),
    encoded(photograph(300, 60, seed=9), "JPEG"),
]
"""Pictures of several views: frames, backdrops, tiles."""


@dataclass(frozen=True)
class Remembering:
    """A pipeline whose workers remember, and the topic that they remember on."""

    pipeline: Pipeline
    features: str

    def worker(self, **settings: object) -> Worker:
        return self.pipeline.worker(**{"archive": "features", "features_topic": self.features, **settings})

    def decisions(self) -> dict[str, Decision]:
        """By their event id, the last of those that repeat it."""
        records = self.pipeline.kafka.read_all(self.pipeline.decisions)
        return {found.event_id: found for each in records for found in [parse_decision(each.value or b"")]}

    def kept(self) -> list[Record]:
        return list(self.pipeline.kafka.read_all(self.features))

    def records(self) -> list[FeaturesRecord]:
        read = [parse_archive_record(each.value or b"") for each in self.kept()]
        return [each for each in read if isinstance(each, FeaturesRecord)]

    def sets(self) -> dict[str, PolicySetRecord]:
        read = [parse_archive_record(each.value or b"") for each in self.kept()]
        return {each.version: each for each in read if isinstance(each, PolicySetRecord)}


@pytest.fixture
def remembering(make_pipeline: Callable[..., Pipeline]) -> Callable[..., Remembering]:
    def make(**settings: object) -> Remembering:
        pipeline = make_pipeline(**settings)
        return Remembering(pipeline, pipeline.kafka.create_topic(unique("features"), 2))

    return make


def live(quick: Settings, redis: RedisServer, files: dict[str, bytes]) -> LivePolicies:
    """The policies of these files, as the workers that share that Redis have compiled them."""
    settings = load_settings({name: quick[name] for name in ("model", "device", "dtype")})
    encoder = load_encoder(settings, spread=False)
    made = LivePolicies(encoder, RedisTextCache(RedisConnection(redis.url, timeout=5.0)), Hooks())
    made.offer(files)
    return made


def test_each_decision_can_be_made_again_of_what_is_remembered(
    remembering: Callable[..., Remembering], quick: Settings, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """By the policy sets that are remembered too; also those that an edit has replaced since."""
    policies = write_policies(tmp_path / "edited")
    shares = {"redis_url": empty_redis.url, "share_image_features": True, "redis_timeout": 5}
    it = remembering(partitions=2, policies=policies, second_look="all", subject_header="user", **shares)
    worker = it.worker(archive="thumbnails", thumbnails="all")
    worker.wait_until_ready()
    hostile = hostile_pictures()
    first = [*pictures(10), *VIEWS, picture(0), *hostile]
    it.pipeline.send(first)
    it.pipeline.wait_for_answers(len(first), worker)
    edit(policies, "gambling.yaml", policy("Gambling", ["dice", "a sofa"], {"review": 0.3}))
    until(lambda: len(it.sets()) == 2, 60, lambda: f"two policy sets, not {list(it.sets())}")
    subject = it.pipeline.kafka.produce(it.pipeline.images, picture(1), key=b"ours", headers=[("user", b"ann")])
    it.pipeline.wait_for_answers(len(first) + 1, worker)

    decisions, records, sets = it.decisions(), it.records(), it.sets()
    assert len(decisions) == len(records) == len(first) - len(hostile) + 1
    assert {each.policy_set for each in decisions.values()} == set(sets)
    assert {each.decision.event_id: each.decision for each in records} == decisions
    for version, remembered in sets.items():
        compiled = live(quick, empty_redis, remembered.files)()
        assert compiled.policy_set.version == version
        for each in (each for each in records if each.decision.policy_set == version):
            (found,) = judge([signals_of(each)], compiled)
            made = each.decision
            said = (made.scores, made.matches, made.shadow, made.verdict)
            assert (found.scores, found.matches, found.shadow, found.verdict) == said
            sums = found.background_lse()
            assert sums is not None
            assert each.background_lse == sums.tobytes()
            assert each.background == background_digest(compiled.policy_set.defaults)
            assert each.thumbnail is not None
            assert max(Image.open(BytesIO(each.thumbnail)).size) <= 256
    assert any(len(each.regions) > 20 * each.first_look for each in records), "no second look was remembered"
    assert max(each.first_look for each in records) >= 3
    assert {each.subject for each in records} == {None, "ann"}
    keys = {record.key for record in it.kept()}
    assert {subject.key, b"image-0", *(version.encode() for version in sets)} <= keys
    assert worker.metric("sluice_features_records_total") == len(records)
    assert worker.metric("sluice_features_bytes_total") > 0
    assert worker.metric("sluice_thumbnails_total", result="made") == len(records)


def test_a_worker_that_recalls_from_redis_remembers_the_very_same_features(
    remembering: Callable[..., Remembering], empty_redis: RedisServer
) -> None:
    shares = {"redis_url": empty_redis.url, "share_image_features": True, "redis_timeout": 5}
    it = remembering(**shares)
    others = Remembering(it.pipeline.beside(), it.pipeline.kafka.create_topic(unique("features"), 1))
    images = [*pictures(6, start=50), *VIEWS]
    it.pipeline.send(images)
    for each in (it, others):
        worker = each.worker()
        each.pipeline.wait_for_answers(len(images), worker)
        hits = worker.metric("sluice_shared_feature_cache_lookups_total", result="hit")
        assert hits == (0 if each is it else len(images))
        assert worker.process.terminate() == 0
    one, other = ({each.decision.event_id: each for each in of.records()} for of in (it, others))
    assert one.keys() == other.keys()
    for event_id, each in one.items():
        again = other[event_id]
        assert (again.features, again.regions, again.background_lse) == (
            each.features,
            each.regions,
            each.background_lse,
        )
        assert (again.decision.scores, again.decision.matches) == (each.decision.scores, each.decision.matches)


def test_a_worker_that_is_killed_repeats_under_the_same_event_ids(remembering: Callable[..., Remembering]) -> None:
    it = remembering(partitions=2, max_batch=4)
    images = pictures(60)
    it.pipeline.send(images)
    for least in (5, 20):
        worker = it.worker()
        it.pipeline.wait_for_answers(least, worker)
        worker.process.kill()
    worker = it.worker()
    it.pipeline.wait_until_committed(120)
    decisions, records = it.decisions(), it.records()
    assert len(decisions) == len(images)
    assert {each.decision.event_id for each in records} == set(decisions)


def test_a_topic_that_takes_no_features_costs_no_decision(remembering: Callable[..., Remembering]) -> None:
    it = remembering()
    it.pipeline.kafka.configure_topic(it.features, {"max.message.bytes": "1000"})
    worker = it.worker(archive="thumbnails", thumbnails="all")
    images = [*pictures(3), encoded(photograph(300, 300)), *hostile_pictures()]
    it.pipeline.send(images)
    it.pipeline.wait_for_answers(len(images), worker)
    it.pipeline.wait_until_committed()
    assert len(it.decisions()) == 4
    assert it.records() == []
    assert worker.metric("sluice_refused_features_records_total", left_out="record") == 4
    assert len(worker.logged("features_record_given_up")) == 4
    assert worker.process.terminate() == 0


def test_a_topic_that_is_not_there_is_told_at_the_start_where_it_is_needed(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    pipeline = make_pipeline()
    worker = pipeline.worker(archive="features", features_topic="absent")
    assert worker.process.wait(120) == 2
    assert "no topic absent; make it with: sluice topics create" in worker.process.stderr()
    without = pipeline.worker(features_topic="absent")
    without.wait_until_ready()
    pipeline.send(pictures(2))
    pipeline.wait_for_answers(2, without)
