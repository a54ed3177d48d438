"""A right that Kafka's ACLs do not give is named before anything is done, with the command that gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from pipeline.adapters.kafka import (
    KafkaConnection,
    KafkaTopic,
    TopicPlan,
    check_topics,
    create_topics,
    look_at_topics,
)
from pipeline.errors import ServiceError
from tests.services.certificates import Certificate
from tests.services.kafka import KafkaBroker
from tests.services.kafka.config import GUEST

READABLE, WRITABLE, SEEN, HIDDEN = TOPICS = ("readable", "writable", "seen", "hidden")


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[KafkaConnection]:
    """One who may read one topic, write another, see a third, and not even see the fourth."""
    with KafkaBroker(tmp_path_factory.mktemp("guarded"), certificate=certificate, guarded=True) as broker:
        for topic in TOPICS:
            broker.create_topic(topic)
        rights = {READABLE: ACLOperation.READ, WRITABLE: ACLOperation.WRITE, SEEN: ACLOperation.DESCRIBE}
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
            admin.create_acls([allowing(topic, operation) for topic, operation in rights.items()])
        yield KafkaConnection(
            broker.secure.bootstrap_servers,
            security_protocol="SASL_SSL",
            username=GUEST,
            password=broker.secure.password,
            ssl_cafile=str(broker.secure.ca_file),
        )


def allowing(topic: str, operation: ACLOperation) -> ACL:
    return ACL(f"User:{GUEST}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, topic))


def test_rights_that_are_there_are_enough(guest: KafkaConnection) -> None:
    check_topics(guest, [READABLE], [WRITABLE])


def test_a_topic_that_may_not_be_written_is_named_before_the_first_answer_is(guest: KafkaConnection) -> None:
    """A worker that may not write dead letters would work until the first one, and then stop again and again."""
    with pytest.raises(ServiceError, match=r"do not let user 'guest' write the topic seen: kafka-acls .* Write "):
        check_topics(guest, [READABLE], [WRITABLE, SEEN])


def test_each_right_that_is_missing_is_told(guest: KafkaConnection) -> None:
    with pytest.raises(ServiceError, match=r"read the topic writable: .*; .* write the topic readable: "):
        check_topics(guest, [WRITABLE], [READABLE])


def test_a_topic_that_may_not_be_seen_is_not_called_missing(guest: KafkaConnection) -> None:
    """Who is told to make a topic that is there goes the wrong way."""
    with pytest.raises(ServiceError, match=r"see the topic hidden, if it is there: kafka-acls .*--topic hidden"):
        check_topics(guest, [], [HIDDEN])
    with pytest.raises(ServiceError, match="see the topic hidden, if it is there"):
        KafkaTopic(guest, HIDDEN)


def test_a_topic_that_may_not_be_made_is_told_in_a_line(guest: KafkaConnection) -> None:
    with pytest.raises(ServiceError, match=r"do not let us make the topic new: .* Create ") as raised:
        create_topics(guest, [TopicPlan("new")])
    assert "Request" not in str(raised.value)


def test_who_looks_at_topics_sees_what_is_allowed(guest: KafkaConnection) -> None:
    facts = {name: topic for name, topic in look_at_topics(guest, TOPICS).items() if topic is not None}
    assert {name: set(topic.missing_rights) for name, topic in facts.items()} == {
        READABLE: {"WRITE"},
        WRITABLE: {"READ"},
        SEEN: {"READ", "WRITE"},
        HIDDEN: {"READ", "WRITE"},
    }
    assert [name for name, topic in facts.items() if topic.hidden] == [HIDDEN]
