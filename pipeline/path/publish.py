"""publish: one record for every item, a decision or a dead letter; none is left without an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pipeline.errors import ItemError, PublishError, Reason, RefusedError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks, Publisher
from pipeline.wire import (
    DEAD_LETTERS_TOPIC,
    DECISIONS_TOPIC,
    Form,
    Record,
    dead_letter_record,
    decision_record,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Topics:
    """Where decisions and dead letters go."""

    decisions: str = DECISIONS_TOPIC
    dead_letters: str = DEAD_LETTERS_TOPIC


@dataclass(slots=True)
class _Answer:
    """An item's answer, in the form that is being tried."""

    item: Item
    record: Record
    form: Form = Form.WHOLE


class Publish:
    """Returns once the broker has acknowledged every record of the batch; only then may it be committed.

    A record that the broker refuses for good is tried again in a smaller form. A decision that it refuses in each
    becomes a dead letter.
    """

    name = "publish"

    def __init__(self, publisher: Publisher, topics: Topics, hooks: Hooks, now: Callable[[], float]) -> None:
        self._publisher = publisher
        self._topics = topics
        self._hooks = hooks
        self._now = now

    def __call__(self, batch: Batch) -> Batch:
        """Publish decisions and dead letters. Raises `PublishError` when the broker does not acknowledge."""
        waiting = [_Answer(item, self._record(item)) for item in batch.items]
        while waiting:
            waiting = self._refused(waiting)
        now = self._now()
        for item in batch.items:
            latency = item.event.age(now)
            if item.decision is not None:
                self._hooks.decided(item.decision, latency)
            elif item.failure is not None:
                self._hooks.dead_lettered(item.failure.stage, item.failure.reason, latency)
        return batch

    def _refused(self, waiting: list[_Answer]) -> list[_Answer]:
        """Publish, and return what the broker refuses for good, each in the form to be tried next."""
        try:
            self._publisher.publish([answer.record for answer in waiting])
        except RefusedError as error:
            return [self._smaller(waiting[index], reason) for index, reason in error.refused.items()]
        return []

    def _smaller(self, answer: _Answer, reason: str) -> _Answer:
        """Raises `PublishError` where no form is left: the topic takes nothing."""
        item = answer.item
        smallest = Form.REFERENCE if item.decision is None else Form.BARE
        for form in list(Form)[answer.form + 1 : smallest + 1]:
            record = self._record(item, form)
            if record != answer.record:
                self._tell(item, form.name.lower(), reason)
                return _Answer(item, record, form)
        if item.decision is None:
            raise PublishError(
                f"Kafka refuses even the smallest dead letter of {item.event} in {answer.record.topic} for good:"
                f" {reason}; raise max.message.bytes of that topic"
            )
        item.fail(self.name, ItemError(Reason.ANSWER_REFUSED, f"{answer.record.topic} refuses it: {reason}"))
        self._tell(item, "dead_letter", reason)
        return _Answer(item, self._record(item))

    def _tell(self, item: Item, form: str, reason: str) -> None:
        self._hooks.answer_made_smaller(form)
        _log.warning("answer_made_smaller", event_at=str(item.event), form=form, reason=reason)

    def _record(self, item: Item, form: Form = Form.WHOLE) -> Record:
        """The item's answer. Where it cannot be made, whatever the cause, the item's dead letter."""
        try:
            if item.decision is not None:
                return decision_record(item.event, item.decision, self._topics.decisions, form)
            if item.failure is None:
                item.fail(self.name, RuntimeError("it got neither a decision nor a failure; this is a bug"))
        except Exception as error:  # noqa: BLE001 - one answer that cannot be written is no reason to write none
            item.fail(self.name, error)
        return self._dead_letter(item, form)

    def _dead_letter(self, item: Item, form: Form) -> Record:
        assert item.failure is not None  # noqa: S101 - for the type checker
        return dead_letter_record(
            item.event, item.event_id, item.failure, self._topics.dead_letters, item.notes, form
        )
