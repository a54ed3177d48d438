"""In-memory twins of Kafka, of the caches and of stores: the same contracts, for the demo, commands and tests.

The conformance suite that runs over the real adapters runs over these as well.
"""

from __future__ import annotations

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.adapters.memory.caches import MemoryFeatureCache, MemoryTextCache
from pipeline.adapters.memory.encoder import NullEncoder
from pipeline.adapters.memory.ends import MemorySource, MemoryWriter
from pipeline.adapters.memory.fetcher import MemoryFetcher
from pipeline.adapters.memory.given import GivenSource
from pipeline.adapters.memory.records import MemoryRecords
from pipeline.adapters.memory.tail import MemoryTail
from pipeline.adapters.memory.topic import MemoryTopic

__all__ = [
    "GivenSource",
    "MemoryBroker",
    "MemoryFeatureCache",
    "MemoryFetcher",
    "MemoryRecords",
    "MemorySource",
    "MemoryTail",
    "MemoryTextCache",
    "MemoryTopic",
    "MemoryWriter",
    "NullEncoder",
]
