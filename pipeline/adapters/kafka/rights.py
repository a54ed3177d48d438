"""What Kafka's ACLs let us do with a topic, as a broker tells whoever describes one (KIP-430, from Kafka 2.3 on).

A topic that we may not even see is told from one that is not there: for both, a broker lists nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from kafka import errors

from pipeline.adapters.kafka.connection import KafkaConnection

Right = Literal["READ", "WRITE"]


def is_there(topic: Mapping[str, Any]) -> bool:
    """Whether a topic, as it is described, is there as far as we may know."""
    unknown = (errors.UnknownTopicOrPartitionError.errno, errors.InvalidTopicError.errno)
    return topic["error_code"] not in unknown


def is_hidden(topic: Mapping[str, Any]) -> bool:
    """Whether we may not see it, wherefore nobody can say whether it is there."""
    return bool(topic["error_code"] == errors.TopicAuthorizationFailedError.errno)


def allowed(topic: Mapping[str, Any]) -> frozenset[str] | None:
    """What we may do with it, in Kafka's words for operations; None where the broker does not tell."""
    if is_hidden(topic):
        return frozenset()
    said = topic.get("authorized_operations")
    return None if said is None else frozenset(said)


def grant(connection: KafkaConnection, topic: str, right: Right) -> str:
    """The command that gives us a right to a topic."""
    who = f"User:{connection.username}" if connection.username else "USER"
    return f"kafka-acls --add --allow-principal {who} --operation {right.capitalize()} --topic {topic}"


def missing_right(connection: KafkaConnection, topic: Mapping[str, Any], right: Right) -> str | None:
    """What to say where a right to a topic is missing; None where it is there, or cannot be known."""
    may = allowed(topic)
    if may is None or right in may:
        return None
    who = f"user {connection.username!r}" if connection.username else "us"
    what = "see" if is_hidden(topic) else right.lower()
    hint = ", if it is there" if is_hidden(topic) else ""
    name = topic["name"]
    return f"Kafka's ACLs do not let {who} {what} the topic {name}{hint}: {grant(connection, name, right)}"
