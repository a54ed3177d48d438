"""Kafka: whether it is there and has the topics, and whether these hold what is put into them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workers.doctor.finding import Finding, fail, ok, warn
from workers.services import kafka_connection
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.kafka import TopicFacts

DAY = 86_400
LEAST_RETENTION = 3600
"""Seconds: images that are kept for less are lost in an outage that people would call short."""
_LOCAL = ("localhost", "127.", "[::1]", "::1")


def codecs(settings: Settings) -> Finding:
    del settings
    from pipeline.adapters.kafka import check_libraries

    check_libraries()
    return ok("checksums in C; gzip, snappy, lz4 and zstd")


def broker(settings: Settings) -> Finding:
    from pipeline.adapters.kafka import look_at_cluster

    connection = kafka_connection(settings)
    listening = connection.listening()
    if not listening:
        raise connection.away()
    cluster = look_at_cluster(connection)
    noun = "broker" if cluster.brokers == 1 else "brokers"
    found = f"{cluster.brokers} {noun} at {settings.bootstrap_servers}, {settings.security_protocol}"
    if away := sorted(set(connection.servers) - set(listening)):
        return warn(
            f"{found}; nobody answers at {', '.join(away)}", "start them, or name others in bootstrap_servers"
        )
    abroad = [server for server in connection.servers if not server.startswith(_LOCAL)]
    if abroad and settings.security_protocol.endswith("PLAINTEXT"):
        return warn(
            f"{found}: not encrypted", "where others share the network, set security_protocol to SSL or SASL_SSL"
        )
    return ok(found)


def topics(settings: Settings) -> dict[str, Finding]:
    """A finding for each topic, by its name."""
    from pipeline.adapters.kafka import look_at_topics, topic_remarks

    connection = kafka_connection(settings)
    if not connection.listening():
        return {"": warn("not looked at: no broker answers", "see to the broker first")}
    images, *answers = names = (settings.images_topic, settings.decisions_topic, settings.dead_letters_topic)
    remembered = [settings.features_topic, settings.reviews_topic] if settings.remembers else []
    facts = look_at_topics(connection, [*names, *remembered])
    remarks = topic_remarks(connection, *names) if all(facts[name] for name in names) else []

    def finding(name: str, topic: TopicFacts | None) -> Finding:
        if topic is None:
            return fail("it is not there", "make it: sluice topics create")
        if missing := topic.missing_rights.get("READ" if name == images else "WRITE"):
            return fail(*missing.split(": ", 1))
        wrong = [*_troubles(topic), *(_images_troubles(topic) if name == images else ())]
        wrong += _remembered_troubles(topic) if name in remembered else ()
        said = [remark for remark in remarks if remark.startswith(f"{name} ")] if name in answers else []
        wrong += [_split(remark) for remark in said]
        if not wrong:
            return ok(described(topic))
        return warn(
            f"{described(topic)}; {'; '.join(what for what, _ in wrong)}", "; ".join(todo for _, todo in wrong)
        )

    return {name: finding(name, topic) for name, topic in facts.items()}


def described(topic: TopicFacts) -> str:
    """What a topic is, in a few words."""
    parts = [f"{topic.partitions} partition{'' if topic.partitions == 1 else 's'}"]
    parts.append(f"{topic.replicas} replica{'' if topic.replicas == 1 else 's'}")
    if (limit := topic.number("max.message.bytes")) is not None:
        parts.append(f"records to {limit / (1 << 20):.1f} MiB")
    if (kept := topic.number("retention.ms")) is not None:
        parts.append("kept for ever" if kept < 0 else f"kept {kept / 1000 / DAY:.3g} days")
    parts += [topic.settings[name] for name in ("cleanup.policy", "message.timestamp.type") if name in topic.settings]
    return ", ".join(parts)


def _troubles(topic: TopicFacts) -> Iterator[tuple[str, str]]:
    """What is amiss with any topic, and what to do."""
    if topic.leaderless:
        yield f"{topic.leaderless} partitions have no leader", "see to the brokers that have them"
    needed = topic.number("min.insync.replicas")
    if needed is not None and needed > topic.replicas:
        yield (
            f"needs {needed} replicas in step and has {topic.replicas}",
            "lower min.insync.replicas",
        )


def _images_troubles(topic: TopicFacts) -> Iterator[tuple[str, str]]:
    if topic.partitions == 1:
        yield "one worker alone can have it", "add partitions: as many as there may be workers"
    if "compact" in topic.settings.get("cleanup.policy", ""):
        yield "an image may go before it is looked at", "set cleanup.policy to delete"
    kept = topic.number("retention.ms")
    if kept is not None and 0 <= kept < LEAST_RETENTION * 1000:
        yield "images are gone soon", "keep them for longer than an outage lasts: retention.ms"


def _remembered_troubles(topic: TopicFacts) -> Iterator[tuple[str, str]]:
    if "compact" in topic.settings.get("cleanup.policy", ""):
        yield "a record may go before it is in the archive", "set cleanup.policy to delete"
    kept = topic.number("retention.ms")
    if kept is not None and 0 <= kept < LEAST_RETENTION * 1000:
        yield "records are gone soon", "keep them for longer than an archiver may be away: retention.ms"


def _split(remark: str) -> tuple[str, str]:
    """A remark's "what: what to do" apart, without the topic's name before it."""
    what, _, todo = remark.partition(" ")[2].rpartition(": ")
    return what, todo
