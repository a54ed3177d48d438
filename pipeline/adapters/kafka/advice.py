"""What to do about what a broker refuses, in words to put behind its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kafka import errors

_TO_DO: Final[Mapping[type[Exception], str]] = {
    errors.NotEnoughReplicasError: (
        "fewer replicas are in step than the topic's min.insync.replicas asks for: bring brokers back, or lower it"
    ),
    errors.NotEnoughReplicasAfterAppendError: (
        "fewer replicas are in step than the topic's min.insync.replicas asks for: bring brokers back, or lower it"
    ),
    errors.UnknownTopicOrPartitionError: "the topic is gone: make it anew with sluice topics create",
    errors.TopicAuthorizationFailedError: (
        "Kafka's ACLs do not give this user the right to it: let it read the images topic, and write the topics of"
        " answers (kafka-acls --add --operation Read or Write --topic TOPIC)"
    ),
    errors.GroupAuthorizationFailedError: (
        "Kafka's ACLs do not let this user join the group: kafka-acls --add --operation Read --group GROUP"
    ),
    errors.ClusterAuthorizationFailedError: (
        "Kafka's ACLs do not let this user do that to the cluster; one before 2.8 wants the operation IdempotentWrite"
    ),
    errors.InvalidSessionTimeoutError: (
        "set session_timeout to what the broker takes: group.min.session.timeout.ms to group.max.session.timeout.ms"
    ),
    errors.InconsistentGroupProtocolError: (
        "programs that are no Sluice workers are members of that group: give the workers a group of their own"
    ),
    errors.GroupMaxSizeReachedError: "the group is full: run fewer workers, or raise the broker's group.max.size",
}


def advised(error: Exception) -> str:
    """What an error says and, where it is known, what to do."""
    to_do = _TO_DO.get(type(error))
    return f"{error}; {to_do}" if to_do else str(error)
