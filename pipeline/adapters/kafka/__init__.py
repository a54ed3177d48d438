"""Kafka through kafka-python 3: a source, a writer, topics, and a look into a topic.

What is said here of kafka-python was read in 3.0.12 and tried on a real broker; it differs much from version 2.
"""

from __future__ import annotations

from pipeline.adapters.kafka.checkup import Cluster, TopicFacts, look_at_cluster, look_at_topics
from pipeline.adapters.kafka.connection import BrokerAwayError, KafkaConnection, check_libraries
from pipeline.adapters.kafka.group import Group
from pipeline.adapters.kafka.single_records import KafkaRecords
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.adapters.kafka.tail import Tail, tail
from pipeline.adapters.kafka.topic import KafkaTopic
from pipeline.adapters.kafka.topics import (
    Creation,
    TopicPlan,
    check_topics,
    create_topics,
    topic_remarks,
)
from pipeline.adapters.kafka.writer import KafkaWriter, write_stream

__all__ = [
    "BrokerAwayError",
    "Cluster",
    "Creation",
    "Group",
    "KafkaConnection",
    "KafkaRecords",
    "KafkaSource",
    "KafkaTopic",
    "KafkaWriter",
    "Tail",
    "TopicFacts",
    "TopicPlan",
    "check_libraries",
    "check_topics",
    "create_topics",
    "look_at_cluster",
    "look_at_topics",
    "tail",
    "topic_remarks",
    "write_stream",
]
