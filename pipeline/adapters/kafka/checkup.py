"""What a Kafka cluster says of itself and of topics, for whoever asks whether all is well."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.rights import Right, is_hidden, missing_right
from pipeline.adapters.kafka.topics import administered

_LOOKED_AT = (
    "max.message.bytes",
    "cleanup.policy",
    "retention.ms",
    "min.insync.replicas",
    "message.timestamp.type",
    "message.timestamp.after.max.ms",
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """`ahead` is by how many seconds its clock is ahead of ours; None where it does not let us see that."""

    brokers: int
    ahead: float | None = None


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as it is. `settings` holds what the broker lets us see of Kafka's own settings of it."""

    partitions: int
    replicas: int
    """The least that a partition has."""
    leaderless: int
    settings: Mapping[str, str]
    missing_rights: Mapping[Right, str] = field(default_factory=dict)
    """What to say of each of the rights ``READ`` and ``WRITE`` that Kafka's ACLs do not give us."""

    @property
    def hidden(self) -> bool:
        """Whether we may not even see it, wherefore nothing else is known of it."""
        return self.partitions == 0

    def number(self, setting: str) -> int | None:
        """A setting that is a number; None where it is not told."""
        try:
            return int(self.settings[setting])
        except (KeyError, ValueError):
            return None


def look_at_cluster(connection: KafkaConnection, now: Callable[[], float] = time.time) -> Cluster:
    """Blocks for seconds; raises `ServiceError`."""
    with administered(connection) as admin:
        brokers = len(admin.describe_cluster()["brokers"])
        before = now()
        try:
            quorum = admin.describe_metadata_quorum()
        except (errors.KafkaError, ValueError):
            return Cluster(brokers)  # an old cluster, or one that does not let us ask
        return Cluster(brokers, _ahead(quorum, (before + now()) / 2))


def look_at_topics(connection: KafkaConnection, names: Sequence[str]) -> dict[str, TopicFacts | None]:
    """Each topic by its name, None for one that is not there. Blocks for seconds; raises `ServiceError`."""
    with administered(connection) as admin:
        described = {each["name"]: each for each in admin.describe_topics(list(names))}
        return {name: _facts(connection, admin, described.get(name)) for name in names}


def _facts(connection: KafkaConnection, admin: Any, topic: Mapping[str, Any] | None) -> TopicFacts | None:
    if topic is None or (topic["error_code"] and not is_hidden(topic)):
        return None
    rights: tuple[Right, ...] = ("READ", "WRITE")
    missing = {right: said for right in rights if (said := missing_right(connection, topic, right))}
    if is_hidden(topic):
        return TopicFacts(0, 0, 0, {}, missing)
    partitions = topic["partitions"]
    return TopicFacts(
        partitions=len(partitions),
        replicas=min(len(each["replica_nodes"]) for each in partitions),
        leaderless=sum(each["leader_id"] < 0 for each in partitions),
        settings=_settings(admin, topic["name"]),
        missing_rights=missing,
    )


def _settings(admin: Any, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(_LOOKED_AT))
    try:
        described = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    except errors.AuthorizationError:
        return {}
    return {name: str(described[name]["value"]) for name in _LOOKED_AT if name in described}


def _ahead(quorum: Mapping[str, Any], now: float) -> float | None:
    """The leader of the quorum says of itself when it last looked at its own log: now, by its clock (KIP-836)."""
    for topic in quorum.get("topics", ()):
        for partition in topic.get("partitions", ()):
            for voter in partition.get("current_voters", ()):
                milliseconds = int(voter.get("last_fetch_timestamp", -1))
                if voter.get("replica_id") == partition.get("leader_id") and milliseconds > 0:
                    return milliseconds / 1000 - now
    return None
