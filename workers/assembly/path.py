"""The path of an image, from a source to a publisher, with the moderator that drives it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from threadpoolctl import threadpool_limits

from pipeline.path.claims import ClaimLane
from pipeline.path.decide import Decide
from pipeline.path.decode import Decode
from pipeline.path.each import Threads
from pipeline.path.encode import Encode
from pipeline.path.fetch import Fetch
from pipeline.path.path import Path
from pipeline.path.publish import Publish, Topics
from pipeline.path.recall import Recall
from pipeline.path.runner import Runner, Section
from pipeline.ports import Fetcher, Hooks, Publisher, Source
from pipeline.rules.flow.brake import Brake, BrakePolicy
from pipeline.rules.verdicts import Provenance
from pipeline.wire import ModelRef
from workers.assembly.judgement import Judge
from workers.moderator import Moderator
from workers.settings import Settings

WAITING = 16
"""Threads for what waits for others and not for a core: claim checks being fetched, JPEGs on a device."""

CLAIMS_WAITING = 1000
"""Claim checks that may wait for their stores; with more of them the worker polls no further."""

FLIGHTS = 2
"""Batches that a device of our own gets at a time: one is computed while the next is copied to it."""


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
) -> Iterator[Moderator]:
    """The moderator that takes events from `source` and answers through `publisher`; used by every way to run.

    Claim checks have a lane of their own, so that none holds up the images behind it; where all is to be answered
    `in_order`, they have not.
    """
    # Scoring's matrices are small. BLAS's threads would spin between them, on the cores that decode and encode
    # need: 16 us of CPU an image with one thread, 490 us with two.
    threadpool_limits(1, user_api="blas")  # type: ignore[no-untyped-call]
    with closing(Threads(WAITING, "fetch")) as fetching:
        fetch = Fetch(fetcher, fetching)
        sections = _sections(settings, judge, fetch, publisher, hooks)
        runner = Runner(
            sections, hooks, time.monotonic, max_batch=settings.max_batch, max_bytes=settings.max_inflight_bytes
        )
        lane = None if in_order else _claim_lane(settings, fetch, runner, hooks)
        path = Path(runner, lane, time.monotonic)
        policy = BrakePolicy(settings.brake_run, settings.brake_ratio, settings.brake_trial_interval)
        drain_timeout = settings.drain_timeout
        yield Moderator(source, path, Brake(policy), hooks, time.monotonic, drain_timeout=drain_timeout)


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


def _sections(settings: Settings, judge: Judge, fetch: Fetch, publisher: Publisher, hooks: Hooks) -> list[Section]:
    """The stages in path order, in the groups that overlap: what waits for others apart from what computes.

    A model on the cores that decode is in one group with decoding, on a thread for each core: apart they would take
    turns on those cores, each in the other's way, and a batch would be late by the share of the next.
    """
    model, cores = judge.model, settings.cores
    spec = model.encoder.spec
    provenance = Provenance(ModelRef(spec.name, spec.fingerprint, spec.dtype), model.decoder.name)
    topics = Topics(settings.decisions_topic, settings.dead_letters_topic)
    recall, decode = Recall(judge.features, hooks), Decode(model.decoder)
    encode = Encode(model.encoder, judge.features, hooks, spread=model.apart)
    decide = Decide(judge.live, provenance, time.time)
    publish = Publish(publisher, topics, hooks, time.time)
    if not model.apart:
        return [Section([fetch, recall]), Section([decode, encode, decide], cores, cores), Section([publish])]
    decoders = cores if settings.jpeg_decoder == "pillow" else WAITING
    flights = 1 if settings.encoder_socket is not None else FLIGHTS
    return [
        Section([fetch, recall]),
        Section([decode], decoders, decoders),
        Section([encode], flights),
        Section([decide, publish]),
    ]
