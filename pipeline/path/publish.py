"""publish: every item is answered, by a decision or a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from pipeline.errors import ItemError, PublishError, Reason, RefusedError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks, Publisher
from pipeline.wire import Answer, Failed

_log = structlog.get_logger(__name__)


class Publish:
    """Returns once every answer of the batch is acknowledged; only then may the batch be committed.

    An answer that is refused for good is tried again in a smaller form. A decision that is refused in every form
    becomes a dead letter. Dead letters say which policy set was live: `policy_set` is asked once a batch.
    """

    name = "publish"

    def __init__(
        self, publisher: Publisher, hooks: Hooks, now: Callable[[], float], policy_set: Callable[[], str] = str
    ) -> None:
        self._publisher = publisher
        self._hooks = hooks
        self._now = now
        self._policy_set = policy_set

    def __call__(self, batch: Batch) -> Batch:
        """Publish decisions and dead letters. Raises `PublishError` when the broker does not acknowledge."""
        version = self._policy_set()
        answers = [item.answer(self.name, version) for item in batch.items]
        refused = self._refused(answers)
        while refused:
            indices = list(refused)
            for index, why in refused.items():
                answers[index] = self._next(batch.items[index], answers[index], why)
            again = self._refused([answers[index] for index in indices])
            refused = {indices[index]: why for index, why in again.items()}
        now = self._now()
        for answer in answers:
            self._hooks.answered(answer, answer.event.age(now))
        return batch

    def _refused(self, answers: Sequence[Answer]) -> dict[int, Exception]:
        """Publish these; return, by index, why some of them can never be published."""
        try:
            self._publisher.publish(answers)
        except RefusedError as error:
            by_broker = {index: ItemError(Reason.ANSWER_REFUSED, words) for index, words in error.refused.items()}
            return {**by_broker, **error.unwritten}
        return {}

    def _next(self, item: Item, answer: Answer, why: Exception) -> Answer:
        """What to publish instead of a refused answer. Raises `PublishError` where nothing smaller is left."""
        smaller: Answer | None = answer.smaller()
        if smaller is not None:
            form = smaller.form.name.lower()
        elif isinstance(answer, Failed):
            raise PublishError(
                f"not even the smallest dead letter of {item.event} can ever be published: {why};"
                " raise max.message.bytes of that topic"
            ) from why
        else:
            item.fail(self.name, why)
            smaller, form = item.answer(self.name, self._policy_set()), "dead_letter"
        self._hooks.answer_made_smaller(form)
        _log.warning("answer_made_smaller", event_at=str(item.event), form=form, reason=str(why))
        return smaller
