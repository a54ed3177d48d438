"""A kill between publish and commit: an answer has been seen in the output, and its offset is not committed yet."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.processes import strike
from tests.chaos.rig import DECISIONS, GROUP, IMAGES, Rig, Target
from tests.services.processes import HOST, http_get

PATIENCE = 6.0
"""Seconds to look for an answer to aim at."""


class KillAimed(Fault):
    name = "kill-aimed"
    in_a_deck = 16
    hit = False
    """Whether the answer was there and its offset was not committed when the process was dead."""

    def begin(self, rig: Rig) -> None:
        owners = _owners(rig)
        patience = {"bootstrap_timeout_ms": 5000, "request_timeout_ms": 5000}
        where = {"bootstrap_servers": rig.kafka.bootstrap_servers, **patience}
        with (
            closing(KafkaConsumer(enable_auto_commit=False, **where)) as consumer,
            closing(KafkaAdminClient(**where)) as admin,
        ):
            for partition, offset in _fresh(consumer):
                target = owners.get(partition)
                if target is None or not strike(target, signal.SIGKILL):
                    continue
                self.kills += 1
                saved = admin.list_group_offsets({GROUP: None})[GROUP].get(TopicPartition(IMAGES, partition))
                self.hit = saved is None or saved.offset <= offset
                self.told = f"{target.name} ({target.pid}), {partition}@{offset} answered"
                self.told += ", not committed" if self.hit else ", committed by then"
                return


def _fresh(consumer: Any) -> Iterator[tuple[int, int]]:
    """Partition and offset of each event whose decision comes from now on."""
    places = [TopicPartition(DECISIONS, number) for number in consumer.partitions_for_topic(DECISIONS)]
    consumer.assign(places)
    consumer.seek_to_end(*places)
    for place in places:
        consumer.position(place, timeout_ms=5000)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=50).values():
            for record in records:
                source = json.loads(record.value)["source"]
                yield source["partition"], source["offset"]


def _owners(rig: Rig) -> dict[int, Target]:
    """Who has each partition, by the metrics."""
    found = {}
    for target in rig.targets("worker", "moderator"):
        page = http_get(f"http://{HOST}:{rig.ports[target.unit.name]}/metrics")
        for family in text_string_to_metric_families(page[1] if page else ""):
            for sample in family.samples:
                mine = sample.labels.get("process", target.name.rpartition("/")[2]) == target.name.rpartition("/")[2]
                if sample.name == "sluice_lag_images" and mine:
                    found[int(sample.labels["partition"])] = target
    return found
