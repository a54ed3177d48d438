"""Settings -> parts: here and in `workers.services` adapters are chosen, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from pipeline.adapters.last_good import LastGood
from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.adapters.shared_encoder import SharedEncoder
from pipeline.adapters.tiered import TieredFeatureCache
from pipeline.claims import ClaimLane
from pipeline.live import LivePolicies
from pipeline.path import Path
from pipeline.ports import (
    Decoder,
    Encoder,
    EncoderSpec,
    FeatureCache,
    Fetcher,
    Hooks,
    Publisher,
    Source,
    TextCache,
)
from pipeline.rules.brake import Brake, BrakePolicy
from pipeline.rules.verdicts import Provenance
from pipeline.runner import Runner, Section
from pipeline.stages.decide import Decide
from pipeline.stages.decode import Decode
from pipeline.stages.each import Threads
from pipeline.stages.encode import Encode
from pipeline.stages.fetch import Fetch
from pipeline.stages.publish import Publish, Topics
from pipeline.stages.recall import Recall
from pipeline.wire import ModelRef
from workers.first_policies import offer_first
from workers.moderator import Moderator
from workers.settings import Settings
from workers.startup import no_collection

if TYPE_CHECKING:
    from pipeline.adapters.redis import RedisConnection

WAITING = 16
"""Threads for what waits for others and not for a core: claim checks being fetched, JPEGs on a device."""

CLAIMS_WAITING = 1000
"""Claim checks that may wait for their stores; with more of them the worker polls no further."""

FLIGHTS = 2
"""Batches that a device of our own gets at a time: one is computed while the next is copied to it."""


@dataclass(frozen=True)
class Model:
    """A loaded model with the preprocessing that fits it."""

    encoder: Encoder
    decoder: Decoder
    apart: bool = False
    """Whether the model computes elsewhere than on the cores that decode."""


@dataclass(frozen=True)
class Judge:
    """What turns an image into a decision: a model, the policies that are live, and the images it remembers."""

    model: Model
    files: Mapping[str, bytes]
    """The policy files that went live first."""
    live: LivePolicies
    features: FeatureCache


def load_model(settings: Settings) -> Model:
    """Load and warm the model; takes seconds. Raises `ModelError` when it cannot be had.

    Where another process serves the model, only its name and shape are loaded: then torch is not even imported,
    unless JPEGs are decoded on the device. Raises `ServiceError` when that process does not answer, `SettingsError`
    when there is no device to decode on.
    """
    decoder_for = _decoder_maker(settings)  # before the model: a device that is not there shows at once
    with no_collection():
        encoder = load_encoder(settings)
    return Model(encoder, decoder_for(encoder.spec), _apart(settings))


def _decoder_maker(settings: Settings) -> Callable[[EncoderSpec], Decoder]:
    from pipeline.adapters.pillow import PillowDecoder

    by_pillow = partial(
        PillowDecoder,
        preprocess=settings.preprocess,
        coverage=settings.coverage,
        max_frames=settings.max_frames,
        max_pixels=settings.max_pixels,
        max_views=settings.max_views,
    )
    if settings.jpeg_decoder == "pillow":
        return by_pillow
    from pipeline.adapters.nvjpeg import NvjpegDecoder, cuda_device

    device = cuda_device(settings.device)
    coverage = settings.coverage if settings.preprocess == "fast" else "centre"
    return lambda spec: NvjpegDecoder(
        spec, by_pillow(spec), device=device, coverage=coverage, max_pixels=settings.max_pixels
    )


def _apart(settings: Settings) -> bool:
    if settings.encoder_socket is not None:
        return True
    from pipeline.adapters.open_clip import choose_device

    return choose_device(settings.device).type != "cpu"


def load_encoder(settings: Settings) -> Encoder:
    """The encoder of `load_model` alone. Raises what that raises."""
    if settings.encoder_socket is not None:
        return SharedEncoder(settings.encoder_socket, max_batch=settings.max_batch)
    from pipeline.adapters import open_clip  # seconds of imports, after the settings are known to hold

    return open_clip.load_encoder(
        settings.model,
        settings.pretrained,
        device=settings.device,
        dtype=settings.dtype,
        max_batch=settings.max_batch,
        threads=settings.cores,
    )


def judge(
    settings: Settings,
    model: Model,
    text_cache: TextCache,
    hooks: Hooks,
    features: FeatureCache | None = None,
    last_good: LastGood | None = None,
) -> Judge:
    """Put the policies to the model; without `features`, images are remembered in memory alone.

    Raises `PolicyError` when the policies do not hold, and there is no `last_good` set that does.
    """
    live = LivePolicies(model.encoder, text_cache, hooks)
    with threadpool_limits(1, user_api="blas"):  # type: ignore[no-untyped-call]  # compiling them: as in `moderator`
        files = offer_first(settings, live, hooks, last_good)
    hooks.model_loaded(model.encoder.spec)
    return Judge(model, files, live, MemoryFeatureCache(settings.remember) if features is None else features)


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


def build_feature_cache(
    settings: Settings, model: Model, redis: RedisConnection | None, hooks: Hooks
) -> FeatureCache:
    """Memory of one's own, and behind it Redis where images are shared."""
    memory = MemoryFeatureCache(settings.remember)
    if redis is None or not settings.share_image_features:
        return memory
    from pipeline.adapters.redis import RedisFeatureCache

    # The limits count as well: what one worker refuses as too large must not be recalled from one that took it.
    limits = f"{settings.max_frames}frames-{settings.max_pixels}px-{settings.max_views}views"
    preprocess = f"{model.decoder.name}-{limits}"
    keep = settings.image_features_ttl
    shared = RedisFeatureCache(redis, model.encoder.spec, preprocess, keep=keep, hooks=hooks)
    return TieredFeatureCache(memory, shared)
