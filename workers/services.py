"""Settings -> what a worker reaches over the network: Kafka, Redis. Their libraries load when they are used."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import structlog

from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.ports import FleetCounts, Hooks, Leases, RecordWriter, Standings
from pipeline.wire import Topics
from workers.settings import Settings

if TYPE_CHECKING:  # a quarter of a second of imports, which `sluice scan` and `sluice policy` do without
    from pipeline.adapters.kafka import (
        Group,
        KafkaConnection,
        KafkaRecords,
        KafkaSource,
        KafkaTopic,
        KafkaWriter,
        Tail,
    )
    from pipeline.adapters.redis import RedisConnection

T = TypeVar("T")

PAUSE = 1.0
"""Seconds between two looks for a broker that is away."""
TELL_EVERY = 30.0
"""Seconds between two log lines that say so."""
_log = structlog.get_logger(__name__)


def kafka_connection(settings: Settings) -> KafkaConnection:
    from pipeline.adapters.kafka import KafkaConnection

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


def check_topics(settings: Settings, reads: Sequence[str] = (), writes: Sequence[str] = ()) -> None:
    """See that Kafka has these topics and lets us; waits for a broker that is away. Raises `ServiceError`."""
    from pipeline.adapters.kafka import check_libraries, check_topics

    check_libraries()
    patiently(lambda settings: check_topics(kafka_connection(settings), reads, writes), settings)


def check_kafka(settings: Settings) -> None:
    """See that Kafka has what a worker needs before it joins the group. Raises `ServiceError` saying what is missing.

    Waits for a broker that is away. Settings of topics that a worker can live with, but not well, are logged with
    what to change.
    """
    from pipeline.adapters.kafka import check_libraries, check_topics, topic_remarks

    check_libraries()
    images, answers = settings.images_topic, [settings.decisions_topic, settings.dead_letters_topic]
    written = [*answers, settings.features_topic] if settings.remembers else answers

    def look(settings: Settings) -> Sequence[str]:
        check_topics(kafka_connection(settings), [images], written)
        return topic_remarks(kafka_connection(settings), images, *answers)

    for remark in patiently(look, settings):
        _log.warning("topic_settings", remark=remark)


def patiently(attempt: Callable[..., T], settings: Settings, *more: object) -> T:
    """Call `attempt` until a broker that is away is back, for `start_timeout` seconds; other mistakes raise at once.

    Raises what the last attempt raised, a `ServiceError`. A restart during an outage then waits like its neighbours
    that were not restarted, instead of dying again and again.
    """
    from pipeline.adapters.kafka import BrokerAwayError

    connection, started, told = kafka_connection(settings), time.monotonic(), -TELL_EVERY
    while True:
        try:
            if not connection.listening():
                raise connection.away()
            return attempt(settings, *more)
        except BrokerAwayError as error:
            waited = time.monotonic() - started
            left = min(settings.start_timeout, error.patience) - waited
            if left <= 0:
                raise
            if waited - told >= TELL_EVERY:
                told = waited
                _log.warning("waiting_for_kafka", why=str(error), gives_up_in=round(left))
            time.sleep(min(PAUSE, left))


def kafka_topic(settings: Settings, name: str) -> KafkaTopic:
    """A topic as it lies. Raises `ServiceError` where it is not there."""
    from pipeline.adapters.kafka import KafkaTopic

    return KafkaTopic(kafka_connection(settings), name)


def kafka_source(settings: Settings, hooks: Hooks) -> KafkaSource:
    """A member of the consumer group on the images topic. Construct it in the process that polls."""
    return kafka_records(settings, [settings.images_topic], settings.group, hooks)


def kafka_records(settings: Settings, topics: Sequence[str], group: str, hooks: Hooks) -> KafkaSource:
    """A member of another group, on other topics. Construct it in the process that polls."""
    from pipeline.adapters.kafka import KafkaSource

    return KafkaSource(
        kafka_connection(settings),
        topics,
        group,
        commit_interval=settings.commit_interval,
        session_timeout=settings.session_timeout,
        max_poll_interval=settings.max_poll_interval,
        revocation_timeout=settings.revocation_timeout,
        isolation_level=settings.isolation_level,
        on_lost_events=settings.on_lost_events,
        hooks=hooks,
    )


def kafka_single_records(settings: Settings) -> KafkaRecords:
    """Records of any topic by where they stand; connects when it is first asked."""
    from pipeline.adapters.kafka import KafkaRecords

    return KafkaRecords(kafka_connection(settings))


def kafka_writer(settings: Settings) -> KafkaWriter:
    """A writer of records that waits for the acknowledgement of each."""
    from pipeline.adapters.kafka import KafkaWriter

    return KafkaWriter(kafka_connection(settings), delivery_timeout=settings.delivery_timeout)


def kafka_text_writer(settings: Settings) -> KafkaWriter:
    """A writer of text: policy sets, audit events. It gives up soon: who uses it tries again."""
    from pipeline.adapters.kafka import KafkaWriter

    return KafkaWriter(kafka_connection(settings), delivery_timeout=10.0, compression="gzip")


def kafka_publisher(settings: Settings, hooks: Hooks) -> RecordPublisher:
    """A publisher of answers on a `kafka_writer` of its own."""
    return publisher(settings, kafka_writer(settings), hooks)


def kafka_answers(settings: Settings) -> Tail:
    """Decisions and dead letters from now on, outside any group."""
    from pipeline.adapters.kafka import Tail

    return Tail(kafka_connection(settings), settings.decisions_topic, settings.dead_letters_topic)


def kafka_group(settings: Settings) -> Group:
    """The workers' consumer group as the broker knows it."""
    from pipeline.adapters.kafka import Group

    return Group(kafka_connection(settings), settings.group, [settings.images_topic])


def publisher(settings: Settings, writer: RecordWriter, hooks: Hooks) -> RecordPublisher:
    """A publisher of answers to the topics that the settings name."""
    topics = Topics(settings.decisions_topic, settings.dead_letters_topic, settings.features_topic)
    return RecordPublisher(writer, topics, hooks)


def redis_connection(
    settings: Settings, *, budget: float | None = None, timeout: float | None = None
) -> RedisConnection | None:
    """The Redis that the settings name; connects when it is first asked."""
    if settings.redis_url is None:
        return None
    from pipeline.adapters.redis import BUDGET, RedisConnection

    return RedisConnection(
        settings.redis_url,
        password=settings.redis_password.get_secret_value() if settings.redis_password else None,
        cafile=str(settings.redis_cafile) if settings.redis_cafile else None,
        timeout=settings.redis_timeout if timeout is None else timeout,
        secret=settings.redis_signing_secret.get_secret_value() if settings.redis_signing_secret else None,
        budget=BUDGET if budget is None else budget,
    )


def leases(redis: RedisConnection | None) -> Leases | None:
    """Leases that several consoles share; None where they share no Redis."""
    if redis is None:
        return None
    from pipeline.adapters.redis.leases import RedisLeases

    return RedisLeases(redis)


def limits_of_fleet(settings: Settings, redis: RedisConnection | None) -> tuple[Standings, FleetCounts] | None:
    """How workers of a group tell each other through Redis which policies are held, and what they counted."""
    if redis is None:
        return None
    from pipeline.adapters.redis.counts import RedisCounts
    from pipeline.adapters.redis.standings import RedisStandings

    return RedisStandings(redis, settings.group), RedisCounts(redis, settings.group)
