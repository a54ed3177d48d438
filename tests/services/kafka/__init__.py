"""A real Kafka broker for the tests, fetched through Maven and started on loopback."""

from __future__ import annotations

from tests.services.kafka.broker import KafkaBroker
from tests.services.kafka.client import Record
from tests.services.kafka.config import SecureListener
from tests.services.kafka.jars import kafka_jars

__all__ = ["KafkaBroker", "Record", "SecureListener", "kafka_jars"]
