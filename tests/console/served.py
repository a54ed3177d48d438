"""A console over a memory broker, with answers that tests write to it: no model, no Kafka, up in a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic, sleep
from typing import Any

from msgspec.structs import replace

from pipeline.adapters.memory import MemoryBroker, MemoryFetcher, MemoryRecords, MemoryTail, MemoryTopic, MemoryWriter
from pipeline.items import Item
from pipeline.ports import Decoder
from pipeline.wire import (
    Decided,
    Decision,
    Event,
    Failed,
    Failure,
    Match,
    ModelRef,
    PromptEvidence,
    Record,
    Region,
    SourceRef,
    Topics,
    image_id,
    record_of,
    rfc3339,
)
from workers import assembly
from workers.console.access.visitors import Access, access_of
from workers.console.app import create
from workers.console.console import Console, console_of
from workers.console.embedded import standings_of
from workers.console.reach import Reach
from workers.console.serving import Serving
from workers.settings import Settings

_VIEW = Region(0, (0.0, 0.0, 1.0, 1.0))
_ids = count(1)


def match(policy: str = "weapons", score: float = 0.97, action: str = "block", **changed: Any) -> Match:
    evidence = PromptEvidence("a kitchen knife", score, _VIEW)
    made = Match(policy, "v" * 12, action, score, 0.9, "a kitchen knife", score, evidence)  # type: ignore[arg-type]
    return replace(made, **changed)


def decision_on(event: Event, *matches: Match, **changed: Any) -> Decision:
    """A decision on that event; with a match it is a block."""
    made = Decision(
        event_id=Item(event).event_id,
        decision_id=f"{next(_ids):032x}",
        image_id=image_id(event),
        content_sha256="0" * 64,
        source=SourceRef(event.topic, event.partition, event.offset),
        verdict=max((each.action for each in matches), default="allow"),
        matches=list(matches),
        scores={each.policy: each.score for each in matches} or {"weapons": 0.01},
        policy_set="0123456789ab",
        model=ModelRef("bundled", "f" * 16, "float32"),
        preprocess="fast-64",
        frames=1,
        event_time=rfc3339(event.timestamp),
        decided_at=rfc3339(event.timestamp + 0.05),
    )
    return replace(made, **changed)


@dataclass
class Served:
    """A console that is served, and what a test does to what it shows."""

    settings: Settings
    broker: MemoryBroker
    console: Console
    serving: Serving
    metrics: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.serving.address.rstrip("/")

    def sent(self, image: bytes, key: bytes | None = b"picture.png", headers: Sequence[Any] = ()) -> Event:
        """An event on the images topic."""
        return self.broker.append(Record(self.settings.images_topic, key, image, list(headers)))

    def decided(self, event: Event, *matches: Match, **changed: Any) -> Decision:
        """A decision on it, on the decisions topic; with a match it is a block."""
        made = decision_on(event, *matches, **changed)
        self.broker.append(record_of(Decided(event, made), self._topics))
        return made

    def failed(self, event: Event, reason: str = "truncated", message: str = "cut off") -> Failed:
        """A dead letter of it, on its topic."""
        failure = Failure("decode", reason, "pipeline.errors.ItemError", message)
        made = Failed(event, Item(event).event_id, failure)
        self.broker.append(record_of(made, self._topics))
        return made

    def read(self, answers: int) -> None:
        """Wait until the console has read that many answers in all."""
        until(lambda: self.console.feed.count >= answers)

    @property
    def _topics(self) -> Topics:
        return Topics(self.settings.decisions_topic, self.settings.dead_letters_topic)


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until it holds."""
    ends = monotonic() + seconds
    while not holds():
        assert monotonic() < ends, f"not within {seconds:g} s"
        sleep(0.02)


@contextmanager
def served(
    settings: Settings,
    decoder: Decoder,
    access: Access | None = None,
    judge: Callable[[], assembly.Judge] | None = None,
    **reached: Any,
) -> Iterator[Served]:
    """A console on any free port of loopback. `reached` takes the place of parts of its `Reach`."""
    broker = MemoryBroker(2)
    metrics = list[tuple[str, str | None]]()
    parts: dict[str, Any] = {
        "answers": lambda: MemoryTail(broker, settings.decisions_topic, settings.dead_letters_topic),
        "listening": lambda: broker.available,
        "topic": lambda name: MemoryTopic(broker, name),
        "records": lambda: MemoryRecords(broker),
        "writer": lambda: MemoryWriter(broker),
        "text_writer": lambda: MemoryWriter(broker),
        "standings": lambda: standings_of(broker, settings.group, settings.images_topic),
        "metrics": lambda: list(metrics),
        "fetcher": MemoryFetcher(),
        "decoder": decoder,
        "judge": judge or _no_judge,
    }
    with closing(console_of(settings, Reach(**(parts | reached)), access or access_of(settings))) as console:
        console.start()
        until(lambda: console.feed.condition.well)
        with closing(Serving(create(console), "127.0.0.1", 0)) as serving:
            yield Served(settings, broker, console, serving, metrics)


def _no_judge() -> assembly.Judge:
    raise AssertionError("this page asks for the model")
