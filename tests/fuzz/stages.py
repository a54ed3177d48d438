"""The stages of a worker, one after the other, on one image at a time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pipeline.adapters import decode_processes
from pipeline.adapters.memory import MemoryBroker, MemoryFeatureCache, MemoryWriter, NullEncoder
from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.items import Batch, Item
from pipeline.path.decide import Decide
from pipeline.path.decode import Decode
from pipeline.path.each import Threads
from pipeline.path.encode import Encode
from pipeline.path.fetch import Fetch
from pipeline.path.publish import Publish
from pipeline.path.recall import Recall
from pipeline.ports import EncoderSpec, Fetcher, Hooks, Stage
from pipeline.rules.heads import compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Provenance
from pipeline.wire import Event, Topics, parse_decision, read_dead_letter
from workers.assembly.decoding import Decoding
from workers.settings import Settings

SPEC = EncoderSpec("none", "0" * 16, "float32", (64, 64), (0,), (1,), "bicubic", "shortest", 32, 77, 20.0, None)
"""Pixels as the bundled model takes them; what a model computes is of no matter here."""


class _NoFetcher(Fetcher):
    """There are no claim checks."""


@dataclass(frozen=True)
class Answered:
    """What became of an image: ``decided``, or a dead letter's reason, with what it says and where it failed."""

    outcome: str
    words: str = ""
    stage: str = ""


class Stages:
    """Use it as a context. The decoder is the one that a worker with these settings would have."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        encoder, hooks = NullEncoder(SPEC), Hooks()
        self._held = ExitStack()
        decoding = Decoding(settings, hooks)
        decoder = decoding.decoder(SPEC)
        if decoding.processes is not None:
            self._held.callback(decoding.processes.close)
        fetching = Threads(1, "fetch")
        self._held.callback(fetching.close)
        policies = PolicySet((Policy("a", "A", ("a knife",), {"review": 0.5}),), Defaults(background=("a tree",)))
        sentences = list(policies.sentences())
        features = dict(zip(sentences, encoder.encode_texts(sentences), strict=True))
        compiled = compile_policies(policies, features, SPEC.logit_scale, SPEC.logit_bias)
        cache = MemoryFeatureCache(0)
        made_by = Provenance(SPEC.ref, decoder.name)
        self._stages: list[Stage] = [
            Fetch(_NoFetcher(), fetching),
            Recall(cache, hooks),
            Decode(decoder),
            Encode(encoder, made_by, cache, hooks),
            Decide(lambda: compiled, lambda: 0.0),
        ]
        self._hooks, self._topics = hooks, Topics()

    def answer(self, data: bytes, index: int = 0) -> Answered:
        """Send one event through and read its only answer. Raises what would end a worker."""
        broker = MemoryBroker(1)
        batch = Batch([Item(Event("images", 0, index, b"%d" % index, data))])
        for stage in [*self._stages, self._publish(broker)]:
            batch = stage(batch)
        decisions, letters = broker.records(self._topics.decisions), broker.records(self._topics.dead_letters)
        if len(decisions) + len(letters) != 1:
            raise AssertionError(f"{len(decisions)} decisions and {len(letters)} dead letters for one event")
        if decisions:
            return Answered("decided", parse_decision(decisions[0].value or b"").verdict)
        letter = read_dead_letter(letters[0])
        return Answered(letter.reason, letter.message, letter.stage)

    def cpu_seconds(self) -> float:
        """CPU that this process and those that decode have used so far."""
        return time.process_time() + decode_processes.cpu_seconds()

    def _publish(self, broker: MemoryBroker) -> Publish:
        return Publish(RecordPublisher(MemoryWriter(broker), self._topics), self._hooks, lambda: 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
