"""Answers as records, in Kafka and in its twin alike."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import RefusedError
from pipeline.ports import RecordWriter
from pipeline.wire import Answer, Record, Topics, record_of


class RecordPublisher:
    """A `Publisher` that writes a record for each answer; it closes the `writer` with itself."""

    def __init__(self, writer: RecordWriter, topics: Topics) -> None:
        self._writer = writer
        self._topics = topics

    def publish(self, answers: Sequence[Answer]) -> None:
        records: list[Record] = []
        refused: dict[int, str] = {}
        unwritten: dict[int, Exception] = {}
        for index, answer in enumerate(answers):
            try:
                records.append(record_of(answer, self._topics))
            except Exception as error:  # noqa: BLE001 - one answer that cannot be written is no reason to write none
                unwritten[index] = error
        try:
            self._writer.write(records)
        except RefusedError as error:
            written = [index for index in range(len(answers)) if index not in unwritten]
            for index, words in error.refused.items():
                refused[written[index]] = f"{records[index].topic} refuses it: {words}"
        if refused or unwritten:
            raise RefusedError(refused, unwritten)

    def close(self) -> None:
        self._writer.close()
