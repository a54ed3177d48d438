"""What the settings make of a worker's clients."""

from __future__ import annotations

from contextlib import closing

import pytest

from pipeline.ports import Hooks
from tests.services.kafka import KafkaBroker
from workers import services
from workers.settings import load_settings


@pytest.mark.services
def test_a_worker_is_the_member_of_its_group_that_its_settings_ask_for(
    kafka: KafkaBroker, topic: str, group_id: str
) -> None:
    given = {"session_timeout": 7, "max_poll_interval": 50, "isolation_level": "read_uncommitted"}
    where = {"bootstrap_servers": kafka.bootstrap_servers, "images_topic": topic, "group": group_id}
    with closing(services.kafka_source(load_settings({**given, **where}), Hooks())) as source:
        config = source._consumer.config
    assert (config["session_timeout_ms"], config["max_poll_interval_ms"]) == (7_000, 50_000)
    assert config["isolation_level"] == "read_uncommitted"
    assert config["group_id"] == group_id
