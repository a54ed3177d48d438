"""What judges images in a process of its own, and all that stands around its moderator while it runs.

`sluice worker` and `sluice serve` differ in where images come from and answers go to, and in nothing that is here.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from pipeline.adapters.local.last_good import LastGood
from pipeline.path.limits import PolicyLimits
from pipeline.ports import Fetcher, Hooks, Publisher, Source
from workers import assembly, services
from workers.assembly import Judge
from workers.health.vitals import Vitals
from workers.moderator import LAST_MOMENT, Moderator
from workers.policies.first import last_good_of
from workers.policies.shared_limits import shared_limits
from workers.policies.watch import PolicyWatch, watched_policies
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.redis import RedisConnection

SETTINGS = (
    "kafka",
    "topics",
    "redis",
    "model",
    "encoder",
    "images",
    "policies",
    "state",
    "fetch",
    "archive",
    "reviews",
    "brake",
    "service",
    "log",
)
"""The groups of settings that such a process goes by, beside those of where its images come from."""


@dataclass(frozen=True)
class Loaded:
    """A judge, and what it shares with others."""

    judge: Judge
    redis: RedisConnection | None
    last_good: LastGood | None


def load(settings: Settings, hooks: Hooks, held: ExitStack) -> Loaded:
    """Load the model and put the policies to it, which takes seconds; `held` closes what was opened."""
    redis = services.redis_connection(settings)
    text_cache = held.enter_context(closing(assembly.text_cache(settings, hooks, redis)))
    model = assembly.load_model(settings, lasting=True, hooks=hooks)
    features = held.enter_context(closing(assembly.build_feature_cache(settings, model, redis, hooks)))
    last_good = last_good_of(settings)
    return Loaded(assembly.judge(settings, model, hooks, text_cache, features, last_good), redis, last_good)


@contextmanager
def attended_moderator(
    settings: Settings,
    loaded: Loaded,
    source: Source,
    publisher: Publisher,
    fetcher: Fetcher,
    hooks: Hooks,
    vitals: Vitals,
    stop: Event,
) -> Iterator[Moderator]:
    """A moderator whose policies are watched and held to their limits until `stop` is set; vitals tell of all of it.

    SIGUSR1 takes its brake off, and lets policies block again that are held.
    """
    judge, limits = loaded.judge, PolicyLimits(hooks)
    with ExitStack() as held:
        moderator = held.enter_context(
            assembly.moderator(settings, judge, source, publisher, fetcher, hooks, limits=limits)
        )
        _watch(vitals, moderator, judge)
        vitals.notice("brake", moderator.braked)
        vitals.notice("policies held", limits.held)
        vitals.notice("claim checks", moderator.waiting_for)
        signal.signal(signal.SIGUSR1, lambda *_: _let_go(moderator, limits))
        watch = PolicyWatch(settings.policies, judge.reading, judge.live, stop, hooks, last_good=loaded.last_good)
        fleet = services.limits_of_fleet(settings, loaded.redis)
        held.enter_context(shared_limits(limits, judge.live, fleet, stop, LAST_MOMENT))
        held.enter_context(watched_policies(watch, stop, LAST_MOMENT))
        vitals.watch_progress("policy folder", watch.stalled)
        vitals.notice("policies", watch.refused)
        yield moderator


def described(judge: Judge) -> dict[str, object]:
    """What judges, for the log."""
    spec, policy_set = judge.model.encoder.spec, judge.live().policy_set
    return {
        "model": spec.name,
        "fingerprint": spec.fingerprint,
        "dtype": spec.dtype,
        "policy_set": policy_set.version,
        "policies": len(policy_set.policies),
    }


def _watch(vitals: Vitals, moderator: Moderator, judge: Judge) -> None:
    decoding = judge.model.decode_processes
    if decoding is None:
        vitals.watch_progress("worker", moderator.stalled)
        return
    # A batch of images that all reach a limit is inside for long, and a restart would begin it again.
    vitals.watch_progress("worker", lambda: min(moderator.stalled(), decoding.quiet()))
    vitals.watch("decode processes", decoding.trouble)


def _let_go(moderator: Moderator, limits: PolicyLimits) -> None:
    moderator.release_brake()
    limits.release()
