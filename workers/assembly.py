"""Settings -> parts: the only place that chooses adapters. Reads top to bottom as the path of an image."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from threadpoolctl import threadpool_limits

from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.kafka import KafkaConnection, KafkaPublisher, KafkaSource, check_crc32c, check_topics
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.adapters.policy_folder import read_policy_folder
from pipeline.adapters.redis import RedisTextCache
from pipeline.adapters.shared_encoder import SharedEncoder
from pipeline.live import LivePolicies
from pipeline.ports import Decoder, Encoder, FeatureCache, Fetcher, Hooks, Publisher, Source, Stage, TextCache
from pipeline.rules.verdicts import Provenance
from pipeline.runner import Runner
from pipeline.stages.decide import Decide
from pipeline.stages.decode import Decode
from pipeline.stages.encode import Encode
from pipeline.stages.fetch import Fetch
from pipeline.stages.publish import Publish, Topics
from pipeline.stages.recall import Recall
from pipeline.wire import ModelRef
from workers.moderator import Moderator
from workers.settings import Settings


@dataclass(frozen=True)
class Model:
    """A loaded model with the preprocessing that fits it."""

    encoder: Encoder
    decoder: Decoder


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

    Where another process serves the model, only its name and shape are loaded: then torch is not even imported.
    Raises `ServiceError` when that process does not answer.
    """
    from pipeline.adapters.pillow import PillowDecoder

    encoder = _encoder(settings)
    decoder = PillowDecoder(
        encoder.spec,
        preprocess=settings.preprocess,
        max_frames=settings.max_frames,
        max_pixels=settings.max_pixels,
    )
    return Model(encoder, decoder)


def _encoder(settings: Settings) -> Encoder:
    if settings.encoder_socket is not None:
        return SharedEncoder(settings.encoder_socket, max_batch=settings.max_batch)
    from pipeline.adapters.open_clip import load_encoder  # seconds of imports, after the settings are known to hold

    return load_encoder(
        settings.model,
        settings.pretrained,
        device=settings.device,
        dtype=settings.dtype,
        max_batch=settings.max_batch,
        threads=settings.cores,
    )


def judge(settings: Settings, model: Model, text_cache: TextCache, hooks: Hooks) -> Judge:
    """Put the policies to the model. Raises `PolicyError` when they do not hold."""
    live = LivePolicies(model.encoder, text_cache, hooks)
    files = read_policy_folder(settings.policies)
    live.offer(files)
    hooks.model_loaded(model.encoder.spec)
    return Judge(model, files, live, MemoryFeatureCache(settings.remember))


@contextmanager
def moderator(
    settings: Settings, judge: Judge, source: Source, publisher: Publisher, fetcher: Fetcher, hooks: Hooks
) -> Iterator[Moderator]:
    """The moderator that takes events from `source` and answers through `publisher`; used by every way to run."""
    # Scoring's matrices are small. BLAS's threads would spin between them, on the cores that decode and encode
    # need: 16 us of CPU an image with one thread, 490 us with two.
    threadpool_limits(1, user_api="blas")  # type: ignore[no-untyped-call]
    with ThreadPoolExecutor(settings.cores, thread_name_prefix="sluice-decode") as threads:
        sections = _sections(settings, judge, publisher, fetcher, threads, hooks)
        runner = Runner(sections, hooks, time.monotonic)
        yield Moderator(source, runner, hooks, time.monotonic, drain_timeout=settings.drain_timeout)


def _sections(
    settings: Settings,
    judge: Judge,
    publisher: Publisher,
    fetcher: Fetcher,
    threads: ThreadPoolExecutor,
    hooks: Hooks,
) -> list[list[Stage]]:
    """The stages in path order, in the groups that overlap: bytes to pixels, the device, the answer."""
    encoder, decoder = judge.model.encoder, judge.model.decoder
    spec = encoder.spec
    provenance = Provenance(ModelRef(spec.name, spec.fingerprint, spec.dtype), decoder.name)
    topics = Topics(settings.decisions_topic, settings.dead_letters_topic)
    return [
        [Fetch(fetcher, threads), Recall(judge.features, hooks), Decode(decoder, threads)],
        [Encode(encoder, judge.features, hooks)],
        [Decide(judge.live, provenance, time.time), Publish(publisher, topics, hooks, time.time)],
    ]


def kafka_connection(settings: Settings) -> KafkaConnection:
    """How to reach Kafka."""
    sasl = settings.security_protocol.startswith("SASL")
    return KafkaConnection(
        bootstrap_servers=settings.bootstrap_servers,
        security_protocol=settings.security_protocol,
        sasl_mechanism=settings.sasl_mechanism if sasl else None,
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value() if settings.sasl_password else None,
        ssl_cafile=str(settings.ssl_cafile) if settings.ssl_cafile else None,
        ssl_certfile=str(settings.ssl_certfile) if settings.ssl_certfile else None,
        ssl_keyfile=str(settings.ssl_keyfile) if settings.ssl_keyfile else None,
    )


def check_kafka(settings: Settings) -> None:
    """What a worker needs of Kafka before it joins the group. Raises `ServiceError` saying what is missing."""
    check_crc32c()
    topics = [settings.images_topic, settings.decisions_topic, settings.dead_letters_topic]
    check_topics(kafka_connection(settings), topics)


def kafka_source(settings: Settings, hooks: Hooks) -> KafkaSource:
    """A member of the consumer group on the images topic. Construct it in the process that polls."""
    return KafkaSource(
        kafka_connection(settings),
        [settings.images_topic],
        settings.group,
        max_poll=settings.max_batch,
        commit_interval=settings.commit_interval,
        session_timeout=settings.session_timeout,
        hooks=hooks,
    )


def kafka_publisher(settings: Settings) -> KafkaPublisher:
    """A producer that waits for the acknowledgement of every record."""
    return KafkaPublisher(kafka_connection(settings), delivery_timeout=settings.delivery_timeout)


def http_fetcher(settings: Settings) -> HttpFetcher:
    """Claim checks over HTTP, from the hosts that the settings allow."""
    return HttpFetcher(
        settings.fetch_allowed_hosts,
        allowed_schemes=("https", "http") if settings.fetch_allow_http else ("https",),
        allow_private=settings.fetch_allow_private,
        max_bytes=settings.fetch_max_bytes,
        timeout=settings.fetch_timeout,
    )


def build_text_cache(settings: Settings, hooks: Hooks) -> TextCache:
    """Redis where one is set, else this process's own memory."""
    if settings.redis_url is None:
        return MemoryTextCache(hooks)
    password = settings.redis_password.get_secret_value() if settings.redis_password else None
    return RedisTextCache(
        settings.redis_url,
        password=password,
        cafile=str(settings.redis_cafile) if settings.redis_cafile else None,
        timeout=settings.redis_timeout,
        hooks=hooks,
    )


def stop_on_signals() -> Event:
    """An event that SIGTERM and SIGINT set."""
    import signal

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
