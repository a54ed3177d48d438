"""Topics: make them, check that they are there, and say what should be set otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, errors
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.rights import Right, is_there, missing_right
from pipeline.errors import ServiceError

CREATE_COMMAND = "sluice topics create"

ADDED_BYTES = 1 << 16
"""What a dead letter may have beyond its event: its headers, and the bookkeeping of a batch of one."""
DECISION_BYTES = 1 << 20
"""More than a decision with all the headers that it carries through."""

_ANSWER_MS = 15_000


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What a topic should be when it is made; `retention` in seconds, None for the broker's own.

    A `replication_factor` of -1 is the broker's default. `max_message_bytes` bounds a record with key and headers.
    """

    name: str
    partitions: int = 6
    replication_factor: int = -1
    retention: float | None = None
    max_message_bytes: int = 16 * 1024 * 1024

    def request(self) -> Mapping[str, Any]:
        """The plan as kafka-python's admin client takes it."""
        configs = {"cleanup.policy": "delete", "max.message.bytes": str(self.max_message_bytes)}
        if self.retention is not None:
            configs["retention.ms"] = str(int(self.retention * 1000))
        return {
            "num_partitions": self.partitions,
            "replication_factor": self.replication_factor,
            "configs": configs,
        }


@dataclass(frozen=True, slots=True)
class Creation:
    """The names of the topics that were made, and of those that were there before and are as they were."""

    created: list[str]
    existed: list[str]


def create_topics(connection: KafkaConnection, plans: Sequence[TopicPlan]) -> Creation:
    """Make the topics that are missing and wait until every partition has a leader; blocks for up to half a minute.

    Topics that exist are left alone. Raises `ServiceError`.
    """
    with administered(connection) as admin:
        there = _existing(admin)
        missing = [plan for plan in plans if plan.name not in there]
        for plan in missing:
            _create(admin, plan)
        admin.wait_for_topics([plan.name for plan in missing], timeout_ms=_ANSWER_MS)
    created = [plan.name for plan in missing]
    return Creation(created, [plan.name for plan in plans if plan.name not in created])


def check_topics(connection: KafkaConnection, reads: Sequence[str], writes: Sequence[str] = ()) -> None:
    """See that topics are there, and that we may read the first and write the others.

    Raises a `ServiceError` that names every missing topic or else every missing right; also when no broker answers
    within about ten seconds.
    """
    with administered(connection) as admin:
        found = {each["name"]: each for each in admin.describe_topics(list(dict.fromkeys([*reads, *writes])))}
    missing = [name for name, topic in found.items() if not is_there(topic)]
    if missing:
        noun, them = ("topic", "it") if len(missing) == 1 else ("topics", "them")
        raise ServiceError(
            f"Kafka at {connection.bootstrap_servers} has no {noun} {', '.join(missing)};"
            f" make {them} with: {CREATE_COMMAND}"
        )
    wanted: list[tuple[str, Right]] = [*((name, "READ") for name in reads), *((name, "WRITE") for name in writes)]
    rights = [missing_right(connection, found[name], right) for name, right in wanted]
    if any(rights):
        raise ServiceError("; ".join(each for each in rights if each))


def topic_remarks(connection: KafkaConnection, images: str, decisions: str, dead_letters: str) -> list[str]:
    """Which settings of the topics make answers smaller than they could be or let them go, with what to change.

    Blocks for seconds. Returns nothing where the broker does not let us see the settings.
    """
    try:
        with administered(connection) as admin:
            found = {name: _configs(admin, name) for name in dict.fromkeys((images, decisions, dead_letters))}
    except ServiceError:
        return []
    remarks = []
    wanted = int(found[images].get("max.message.bytes", "0")) + ADDED_BYTES
    least = {dead_letters: wanted, decisions: min(wanted, DECISION_BYTES)}
    for name, bytes_wanted in least.items():
        limit = int(found[name].get("max.message.bytes", str(bytes_wanted)))
        if limit < bytes_wanted:
            remarks.append(
                f"{name} takes records of {limit:,} bytes and an answer may have {bytes_wanted:,}; larger ones lose"
                f" headers, then their value: set its max.message.bytes to {bytes_wanted}"
            )
    remarks += [
        f"{name} is compacted, so an answer goes when the same image is answered again (and a dead letter without a"
        " key gets one): set its cleanup.policy to delete"
        for name in (decisions, dead_letters)
        if "compact" in found[name].get("cleanup.policy", "")
    ]
    return remarks


def _configs(admin: Any, topic: str) -> dict[str, str]:
    names = dict.fromkeys(("max.message.bytes", "cleanup.policy"))
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, names)
    described = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: str(described[name]["value"]) for name in names if name in described}


@contextmanager
def administered(connection: KafkaConnection) -> Iterator[Any]:
    """An admin client. Raises `ServiceError` for whatever goes wrong within."""
    with (
        connection.reaching(),
        closing(connection.client(KafkaAdminClient, request_timeout_ms=_ANSWER_MS)) as admin,
    ):
        yield admin


def _existing(admin: Any) -> set[str]:
    return set(admin.list_topics())


def _create(admin: Any, plan: TopicPlan) -> None:
    """One request per topic: in a joint one, the first that fails hides what became of the others."""
    try:
        admin.create_topics({plan.name: plan.request()}, timeout_ms=_ANSWER_MS)
    except errors.TopicAlreadyExistsError:
        return  # somebody else was quicker
    except errors.AuthorizationError as error:
        raise ServiceError(
            f"Kafka's ACLs do not let us make the topic {plan.name}: let this user create it (kafka-acls --add"
            f" --operation Create --topic {plan.name}), or have somebody else make it"
        ) from error
    except errors.BrokerResponseError as error:
        raise ServiceError(f"Kafka does not make the topic {plan.name}: {error.description}") from error
