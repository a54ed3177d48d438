"""A stream of pictures that a test keeps going itself: one sent with every look at what has come out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import Pipeline
from tests.services.deadline import until

DISTINCT = 200


@dataclass
class Stream:
    """Connections that are kept, so that a look costs milliseconds."""

    topic: str
    producer: Any
    consumer: Any
    sent: int = 0
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """All that came since the stream began; those of one partition are in its order."""

    def look(self) -> list[dict[str, Any]]:
        """Send one picture, and return the decisions that have come since the last look."""
        self.producer.send(self.topic, picture(self.sent % DISTINCT), key=b"stream-%d" % self.sent)
        self.sent += 1
        polled = self.consumer.poll(timeout_ms=10).values()
        came = [json.loads(record.value) for records in polled for record in records]
        self.decisions += came
        return came

    def wait_for_set(self, *, other_than: str, within: float) -> dict[str, Any]:
        """Send on until a decision carries another policy set than that one, and return the first that does."""

        def probe() -> dict[str, Any] | None:
            return next((each for each in self.look() if each["policy_set"] != other_than), None)

        return until(probe, within, f"a decision by another policy set than {other_than}")

    def next_decisions(self, number: int, within: float = 20.0) -> list[dict[str, Any]]:
        """Send on until that many more decisions have come, and return them."""
        start = len(self.decisions)
        until(
            lambda: (self.look(), len(self.decisions) >= start + number)[1],
            within,
            lambda: f"{number} decisions; {len(self.decisions) - start} came",
        )
        return self.decisions[start:]


@contextmanager
def streaming(pipeline: Pipeline) -> Iterator[Stream]:
    """A stream through that pipeline."""
    servers = pipeline.kafka.bootstrap_servers
    with (
        closing(KafkaProducer(bootstrap_servers=servers, linger_ms=0)) as producer,
        closing(KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)) as consumer,
    ):
        topic = pipeline.decisions
        partitions = [TopicPartition(topic, number) for number in pipeline.kafka.end_offsets(topic)]
        consumer.assign(partitions)
        for partition, end in consumer.end_offsets(partitions).items():
            consumer.seek(partition, end)
        yield Stream(pipeline.images, producer, consumer)


def seconds_of(time: str) -> float:
    """A decision's RFC 3339 time in seconds since the epoch."""
    return datetime.fromisoformat(time).timestamp()
