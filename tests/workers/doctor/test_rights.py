"""The doctor says which of Kafka's ACLs is missing, before a worker meets it at its first dead letter."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from pydantic import SecretStr

from tests.services.certificates import Certificate
from tests.services.kafka import KafkaBroker
from tests.services.kafka.config import GUEST
from workers.doctor.kafka import topics
from workers.settings import Settings


def allowing(topic: str, operation: ACLOperation) -> ACL:
    return ACL(f"User:{GUEST}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, topic))


def test_a_topic_that_may_not_be_written_or_seen_fails_with_the_command_that_lets_it(
    tmp_path: Path, certificate: Certificate
) -> None:
    with KafkaBroker(tmp_path, certificate=certificate, guarded=True) as broker:
        rights = {"images": ACLOperation.READ, "decisions": ACLOperation.DESCRIBE}
        for topic in (*rights, "dead-letters"):
            broker.create_topic(topic)
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
            admin.create_acls([allowing(topic, operation) for topic, operation in rights.items()])
        found = topics(
            Settings(
                images_topic="images",
                decisions_topic="decisions",
                dead_letters_topic="dead-letters",
                bootstrap_servers=broker.secure.bootstrap_servers,
                security_protocol="SASL_SSL",
                sasl_username=GUEST,
                sasl_password=SecretStr(broker.secure.password),
                ssl_cafile=broker.secure.ca_file,
            )
        )
    assert found["images"].status != "fail"
    assert found["decisions"].status == found["dead-letters"].status == "fail"
    assert "write the topic decisions" in found["decisions"].found
    assert "see the topic dead-letters" in found["dead-letters"].found
    assert found["decisions"].todo.endswith("--operation Write --topic decisions")
