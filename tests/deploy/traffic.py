"""What a worker's hooks hear in a while of ordinary work, so that every metric has data.

``python -m tests.deploy.traffic`` goes on with it for ever and serves it, as a worker would.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace

from prometheus_client import CollectorRegistry

from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.errors import Reason
from pipeline.lab.evaluation.weighted import Tally
from pipeline.lab.reviews.misses import PolicyQuality, Stratum
from pipeline.ports import LOSSES, EncoderSpec, Hooks
from pipeline.rules.canaries import Canary, Landed, Outcome
from pipeline.rules.flow.assignment import Standing
from pipeline.wire import Action, Decided, Decision, Event, Failed, Failure, Match, ModelRef, SourceRef
from workers.archiver.metrics import ArchiverMetrics
from workers.archiver.review_metrics import ReviewMetrics
from workers.canary.metrics import CanaryMetrics, GroupMetrics
from workers.console.api.metrics import ApiMetrics
from workers.console.metrics import ConsoleMetrics
from workers.fleet.metrics import SupervisorMetrics
from workers.health.server import HealthServer

STAGES = ("fetch", "recall", "decode", "encode", "decide", "publish")
SECTIONS = ("fetch+recall+decode", "encode", "decide+publish", "done")
POLICIES: Mapping[str, str] = {"weapons": "enforce", "gambling": "enforce", "tobacco": "shadow"}
EVENT = Event("sluice.images.v1", 0, 0, b"i", b"image")
SPEC = EncoderSpec(
    name="bundled",
    fingerprint="5f1c",
    dtype="float32",
    image_size=(64, 64),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    interpolation="bicubic",
    resize_mode="shortest",
    features=256,
    context_length=32,
    logit_scale=100.0,
    logit_bias=None,
)


def decision(scores: Mapping[str, float], *, policy_set: str = "set-1", action: Action = "review") -> Decision:
    """A decision with those scores, each of which matches from 0.5 on."""
    reached = [policy for policy, score in scores.items() if score >= 0.5]
    found = {policy: Match(policy, "v1", action, scores[policy], 0.5, "a photo of it", 0.5) for policy in reached}
    enforced = [match for policy, match in found.items() if POLICIES.get(policy, "enforce") == "enforce"]
    return Decision(
        event_id="e",
        decision_id="d",
        image_id="i",
        content_sha256="c",
        source=SourceRef("sluice.images.v1", 0, 0),
        verdict=action if enforced else "allow",
        matches=enforced,
        shadow=[match for match in found.values() if match not in enforced],
        scores=dict(scores),
        policy_set=policy_set,
        model=ModelRef("bundled", "5f1c", "float32"),
        preprocess="fast-64-bicubic",
        frames=1,
        event_time="2026-01-01T00:00:00.000Z",
        decided_at="2026-01-01T00:00:00.100Z",
    )


def decided(scores: Mapping[str, float], *, policy_set: str = "set-1", action: Action = "review") -> Decided:
    """The answer with that `decision`."""
    return Decided(EVENT, decision(scores, policy_set=policy_set, action=action))


def failed(stage: str, reason: str) -> Failed:
    """The answer to an event that failed in that stage."""
    return Failed(EVENT, "e", Failure(stage, reason, "pipeline.errors.ItemError"))


def start(hooks: Hooks) -> None:
    """What a worker says while it starts, and of one bad edit that was mended."""
    hooks.model_loaded(replace(SPEC))
    hooks.text_cache("miss", 40)
    hooks.text_cache("error", 1)
    hooks.policies_loaded("set-0", 2)
    hooks.policies_refused("invalid")
    hooks.policies_loaded("set-1", len(POLICIES))
    hooks.calibrated_for_another_model({})
    hooks.unproven([])
    hooks.background(1508)
    hooks.held({"weapons": False})
    hooks.limits_go_by(2)
    hooks.shadows({"tobacco": "weapons"})
    hooks.text_cache("hit", 40)
    hooks.assigned(2)
    for loss in LOSSES:
        hooks.lost("sluice.images.v1", 0, loss, 3)


def one_batch(hooks: Hooks, chance: random.Random, images: int = 16) -> None:
    """A batch from poll to commit, one of its images a dead letter."""
    hooks.policies_looked_at()
    hooks.polled(images, images * 100_000)
    for partition in range(2):
        hooks.lag("sluice.images.v1", partition, chance.randrange(200))
    for section in SECTIONS:
        hooks.queue_depth(section, chance.randrange(2))
    for stage in STAGES:
        hooks.stage_done(stage, chance.random() / 10, images)
    hooks.feature_cache("hit", 3)
    hooks.feature_cache("miss", images - 3)
    hooks.shared_feature_cache("hit", 1)
    hooks.shared_feature_cache("miss", images - 3)
    hooks.encoded(images + 4)
    hooks.looked_again(1, 13)
    for _ in range(images - 1):
        scores = {policy: chance.random() ** 2 for policy in POLICIES}
        hooks.answered(decided(scores, action=chance.choice(["label", "review", "block"])), chance.random())
    unread = failed("decode", chance.choice([Reason.TRUNCATED, Reason.NOT_AN_IMAGE]).value)
    hooks.answered(unread, chance.random())
    hooks.committed(images)


class LookingOn:
    """What a `sluice canary` beside the workers shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._canary = Canary("axe.webp", 1.0, "block")
        self._canaries = CanaryMetrics(self.registry, [self._canary])
        self._group = GroupMetrics(self.registry, "sluice")
        self._committed = 0

    def sees_one_come_back(self, seconds: float) -> None:
        self._canaries.sent(self._canary)
        self._canaries.landed(Landed(self._canary, seconds, Outcome.RIGHT))
        self._committed += 16
        self._group.stands({("sluice.images.v1", 0): Standing(self._committed, 3)})


class Archiving:
    """What an archiver beside the workers shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics = ArchiverMetrics(self.registry, ["sluice.features.v1"])
        self._metrics.assigned(1)
        self._metrics.store_back()
        some = Stratum(100, Tally(9, 9.0, 9.0, 1.0), Tally(1, 1.0, 1.0, 1.0))
        ReviewMetrics(self.registry).tell([PolicyQuality("weapons", some, some, others=0, unsure=0, missing=0)])

    def keeps_some(self) -> None:
        self._metrics.taken(16, 16 * 2_000)
        self._metrics.written("features", 16, 20, 40_000, time.time(), 0.1)
        self._metrics.open(1, 1_000, 0.5)
        self._metrics.committed(16)
        self._metrics.lag("sluice.features.v1", 0, 3)
        self._metrics.tidied("merge", 2, 80_000, 0.05)
        self._metrics.tidy(0)


class Serving:
    """What `sluice serve` and `sluice console` beside the workers show."""

    def __init__(self) -> None:
        self.api, self.console = CollectorRegistry(), CollectorRegistry()
        self._requests = ApiMetrics(self.api)
        self._pages = ConsoleMetrics(self.console)
        self._pages.stream.set(1)
        self._pages.processes.set(3)

    def answers_some(self, seconds: float) -> None:
        self._requests.requests.labels("/v1/judge", "200").inc(16)
        self._requests.requests.labels("/v1/judge", "422").inc()
        self._requests.seconds.labels("/v1/judge").observe(seconds)
        self._pages.answers.inc(16)


def main() -> None:
    """Serve, say on which ports, and go on until killed."""
    hooks, outside, archiving, serving = PrometheusHooks(), LookingOn(), Archiving(), Serving()
    SupervisorMetrics(hooks.registry)
    servers = [
        HealthServer("127.0.0.1", 0, registry, lambda: None, lambda: None)
        for registry in (hooks.registry, outside.registry, archiving.registry, serving.api, serving.console)
    ]
    print("ports", *(server.port for server in servers), flush=True)  # noqa: T201 - the parent waits for it
    chance = random.Random(0)
    start(hooks)
    while True:
        one_batch(hooks, chance)
        outside.sees_one_come_back(chance.random())
        archiving.keeps_some()
        serving.answers_some(chance.random())
        time.sleep(0.1)


if __name__ == "__main__":
    main()
