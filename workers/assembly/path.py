"""The path of an image, from a source to a publisher, with the moderator that drives it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from threadpoolctl import threadpool_limits

from pipeline.path.claims import ClaimLane
from pipeline.path.decide import Decide
from pipeline.path.decode import Decode
from pipeline.path.each import Threads
from pipeline.path.encode import Encode
from pipeline.path.fetch import Fetch
from pipeline.path.keeps import Keeps, every_image, no_image
from pipeline.path.limits import PolicyLimits
from pipeline.path.look_again import LookAgain
from pipeline.path.path import Path
from pipeline.path.publish import Publish
from pipeline.path.recall import Recall
from pipeline.path.runner import Runner
from pipeline.path.thumbnail import Thumbnail
from pipeline.path.topology import WAITING
from pipeline.ports import Fetcher, Hooks, Publisher, Source, Stage
from pipeline.rules.archive.thumbnails import Wanted
from pipeline.rules.flow.brake import Brake, BrakeLimits
from workers.assembly.judgement import Judge
from workers.assembly.model import sections
from workers.moderator import Moderator
from workers.settings import Settings

CLAIMS_WAITING = 1000
"""Claim checks that may wait for their stores; with more of them the worker polls no further."""


@contextmanager
def moderator(
    settings: Settings,
    judge: Judge,
    source: Source,
    publisher: Publisher,
    fetcher: Fetcher,
    hooks: Hooks,
    *,
    in_order: bool = False,
    limits: PolicyLimits | None = None,
    now: Callable[[], float] = time.time,
) -> Iterator[Moderator]:
    """The moderator that takes events from `source` and answers through `publisher`; used by every way to run.

    Claim checks have a lane of their own, so that none holds up the images behind it; where all is to be answered
    `in_order`, they have none. Without `limits`, those of policies hold none of them back. `now` is the time by which
    images are decided, in seconds since the epoch.
    """
    # Scoring's matrices are small. BLAS's threads would spin between them, on the cores that decode and encode
    # need: 16 us of CPU an image with one thread, 490 us with two.
    threadpool_limits(1, user_api="blas")  # type: ignore[no-untyped-call]
    with closing(Threads(WAITING, "fetch")) as fetching:
        fetch = Fetch(fetcher, fetching)
        runner = _runner(settings, judge, fetch, publisher, hooks, limits, now)
        lane = None if in_order else _claim_lane(settings, fetch, runner, hooks)
        path = Path(runner, lane, time.monotonic)
        brake = Brake(BrakeLimits(settings.brake_run, settings.brake_ratio, settings.brake_trial_interval))
        drain_timeout = settings.drain_timeout
        yield Moderator(source, path, brake, hooks, time.monotonic, drain_timeout=drain_timeout)


def _runner(
    settings: Settings,
    judge: Judge,
    fetch: Fetch,
    publisher: Publisher,
    hooks: Hooks,
    limits: PolicyLimits | None,
    now: Callable[[], float],
) -> Runner:
    return Runner(
        sections(settings, judge.model.where),
        [fetch, *_stages(settings, judge, publisher, hooks, limits, now)],
        hooks,
        time.monotonic,
        max_batch=settings.max_batch,
        max_bytes=settings.max_inflight_bytes,
    )


def _stages(
    settings: Settings,
    judge: Judge,
    publisher: Publisher,
    hooks: Hooks,
    limits: PolicyLimits | None,
    now: Callable[[], float],
) -> list[Stage]:
    """The stages after `fetch`. The topology says which of them share a thread, and how many threads there are."""
    model, look = judge.model, settings.second_look
    keeps, pictured = _thumbnails(settings, judge, hooks)
    remembers = settings.subject_header if settings.remembers else None
    again: list[Stage] = []
    if look != "off":
        ends, most = (model.decoder, model.encoder, judge.live, hooks), settings.max_batch
        again = [LookAgain(*ends, look=look, at_most=most, keeps=keeps)]
    return [
        Recall(judge.features, hooks),
        Decode(model.decoder, every_image if again else keeps, lambda: judge.live().needs_pdq),
        Encode(model.encoder, model.provenance, judge.features, hooks),
        *again,
        Decide(judge.live, now, remembers, limits, settings.review_sample),
        *pictured,
        Publish(publisher, hooks, time.time, lambda: judge.live().policy_set.version),
    ]


def _thumbnails(settings: Settings, judge: Judge, hooks: Hooks) -> tuple[Keeps, list[Stage]]:
    """The stage that makes thumbnails, if there is to be one, and which images it may need."""
    if settings.archive != "thumbnails":
        return no_image, []
    wanted = Wanted(settings.thumbnails, settings.thumbnail_share, settings.review_sample)
    return lambda item: wanted.may_be(item.event_id), [Thumbnail(judge.model.decoder, wanted, hooks)]


def _claim_lane(settings: Settings, fetch: Fetch, runner: Runner, hooks: Hooks) -> ClaimLane:
    """A fetch counts as the largest image that it may bring, until it has brought one."""

    def may_fetch(running: int) -> bool:
        wanted = (running + 1) * settings.fetch_max_bytes
        return not running or runner.bytes + wanted <= settings.max_inflight_bytes

    return ClaimLane(
        fetch.redeem,
        runner.push,
        may_fetch,
        hooks,
        time.monotonic,
        threads=WAITING,
        most=CLAIMS_WAITING,
        patience=settings.fetch_patience,
    )
