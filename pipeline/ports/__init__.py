"""The ports say what the path of an image needs from outside; adapters offer it, in memory and for real.

They are Protocols. Each docstring is the contract: whether a call may block, and what it may raise. One conformance
suite in the tests runs over every implementation of a port.
"""

from pipeline.ports.archive import Store, Stored
from pipeline.ports.caches import FeatureCache, FleetCounts, Standings, TextCache
from pipeline.ports.hooks import DEATHS, LOSSES, HookChain, Hooks
from pipeline.ports.images import Decoded, Decoder, Fetcher
from pipeline.ports.leases import Leases
from pipeline.ports.model import Encoder, EncoderSpec
from pipeline.ports.stream import Publisher, RecordWriter, Source, Stage
from pipeline.ports.topic import Records, Span, Spans, Topic

__all__ = [
    "DEATHS",
    "LOSSES",
    "Decoded",
    "Decoder",
    "Encoder",
    "EncoderSpec",
    "FeatureCache",
    "Fetcher",
    "FleetCounts",
    "HookChain",
    "Hooks",
    "Leases",
    "Publisher",
    "RecordWriter",
    "Records",
    "Source",
    "Span",
    "Spans",
    "Stage",
    "Standings",
    "Store",
    "Stored",
    "TextCache",
    "Topic",
]
