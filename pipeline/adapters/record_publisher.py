"""Answers as records, in Kafka and in its twin alike, and beside decisions what the archive remembers of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from msgspec.structs import replace as with_fields

from pipeline.errors import PublishError, RefusedError
from pipeline.ports import Hooks, RecordWriter
from pipeline.wire import Answer, Decided, FeaturesRecord, Record, Topics, features_record_of, record_of

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Beside:
    """A features record, and the decision that it goes beside."""

    answer: Decided
    features: FeaturesRecord
    record: Record

    def plain(self, topics: Topics) -> _Beside | None:
        """The same without its thumbnail; None where it has none."""
        if self.features.thumbnail is None:
            return None
        features = with_fields(self.features, thumbnail=None)
        return replace(self, features=features, record=features_record_of(self.answer, features, topics))


class RecordPublisher:
    """A `Publisher` that writes a record for each answer; it closes the `writer` with itself.

    A features record goes in the same call as its decision, under the same key. One that can never be published goes
    without its thumbnail, and one that still cannot is given up: the decision does not depend on it.
    """

    def __init__(self, writer: RecordWriter, topics: Topics, hooks: Hooks | None = None) -> None:
        self._writer = writer
        self._topics = topics
        self._hooks = hooks or Hooks()

    def publish(self, answers: Sequence[Answer]) -> None:
        records: list[Record] = []
        unwritten: dict[int, Exception] = {}
        beside: list[_Beside] = []
        for index, answer in enumerate(answers):
            try:
                records.append(record_of(answer, self._topics))
            except Exception as error:  # noqa: BLE001 - one answer that cannot be written is no reason to write none
                unwritten[index] = error
            else:
                beside += self._beside(answer)
        written = [index for index in range(len(answers)) if index not in unwritten]
        made_of = [*(answers[index] for index in written), *(each.answer for each in beside)]
        refused = self._written([*records, *(each.record for each in beside)], made_of)
        self._see_to(beside, {at - len(records): words for at, words in refused.items() if at >= len(records)})
        answers_refused = {
            written[at]: f"{records[at].topic} refuses it: {words}"
            for at, words in refused.items()
            if at < len(records)
        }
        if answers_refused or unwritten:
            raise RefusedError(answers_refused, unwritten)

    def close(self) -> None:
        self._writer.close()

    def _written(self, records: Sequence[Record], made_of: Sequence[Answer]) -> dict[int, str]:
        """Write these, each `made_of` an answer; return, by index, the broker's words for what it refuses for good.

        Raises a `PublishError` that names the event.
        """
        try:
            self._writer.write(records)
        except RefusedError as error:
            return dict(error.refused)
        except PublishError as error:
            if error.index is None:
                raise
            event = made_of[error.index].event
            raise PublishError(f"the answer to {event} is not published: {error}", error.index) from error
        return {}

    def _beside(self, answer: Answer) -> Sequence[_Beside]:
        """The features record of an answer that has one which can be written."""
        if not isinstance(answer, Decided) or answer.features is None:
            return ()
        try:
            return (_Beside(answer, answer.features, features_record_of(answer, answer.features, self._topics)),)
        except Exception as error:  # noqa: BLE001 - as of an answer
            self._give_up(answer, f"it cannot be written: {error}")
            return ()

    def _see_to(self, beside: Sequence[_Beside], refused: dict[int, str]) -> None:
        """Tell of the features records that the broker has, and try the `refused` ones without their thumbnails."""
        there = [each for at, each in enumerate(beside) if at not in refused]
        if there:
            self._hooks.remembered(len(there), sum(len(each.record.value or b"") for each in there))
        plain: list[_Beside] = []
        for at, words in refused.items():
            smaller = beside[at].plain(self._topics)
            if smaller is None:
                self._give_up(beside[at].answer, words)
            else:
                plain.append(smaller)
        if plain:
            self._hooks.features_refused("thumbnail", len(plain))
            self._see_to(plain, self._written([each.record for each in plain], [each.answer for each in plain]))

    def _give_up(self, answer: Decided, why: str) -> None:
        self._hooks.features_refused("record", 1)
        _log.warning("features_record_given_up", event_at=str(answer.event), topic=self._topics.features, reason=why)
