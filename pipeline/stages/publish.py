"""publish: one record for every item, a decision or a dead letter; none is left without an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import StopError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks, Publisher
from pipeline.wire import DEAD_LETTERS_TOPIC, DECISIONS_TOPIC, Record, dead_letter_record, decision_record


@dataclass(frozen=True, slots=True)
class Topics:
    """Where decisions and dead letters go."""

    decisions: str = DECISIONS_TOPIC
    dead_letters: str = DEAD_LETTERS_TOPIC


class Publish:
    """Returns once the broker has acknowledged every record of the batch; only then may it be committed."""

    name = "publish"

    def __init__(self, publisher: Publisher, topics: Topics, hooks: Hooks, now: Callable[[], float]) -> None:
        self._publisher = publisher
        self._topics = topics
        self._hooks = hooks
        self._now = now

    def __call__(self, batch: Batch) -> Batch:
        """Publish decisions and dead letters. Raises `PublishError` when the broker does not acknowledge."""
        self._publisher.publish([self._record(item) for item in batch.items])
        now = self._now()
        for item in batch.items:
            latency = max(0.0, now - item.event.timestamp)
            if item.decision is not None:
                self._hooks.decided(item.decision, latency)
            elif item.failure is not None:
                self._hooks.dead_lettered(item.failure.stage, item.failure.reason, latency)
        return batch

    def _record(self, item: Item) -> Record:
        if item.failure is not None:
            return dead_letter_record(item.event, item.failure, self._topics.dead_letters)
        if item.decision is not None:
            return decision_record(item.event, item.decision, self._topics.decisions)
        raise StopError(f"{item.event} reached publish with neither a decision nor a failure; this is a bug")
