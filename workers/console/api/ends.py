"""The two ends of the path where requests are its events: a source and a publisher on a `Desk`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from pipeline.errors import RefusedError
from pipeline.items import Batch, Item
from pipeline.ports import Publisher
from pipeline.wire import Answer, Decided
from workers.console.api.desk import JUDGE, Desk


class DeskSource:
    """A `Source` of what waits at the desk. Nothing is ever delivered again: who asked would ask again."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._clock = clock
        self._paused = False

    def poll(self, timeout: float, most: int) -> Batch | None:
        """Wait up to `timeout` seconds; wakes at once when something is asked. Raises what the desk failed with."""
        events = self._desk.take(timeout, 0 if self._paused else most)
        return Batch([Item(event) for event in events], self._clock()) if events else None

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self, batch: Batch) -> None:
        """Does nothing: whoever asked has the answer."""

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Does nothing: no event is ever given to somebody else."""

    def close(self) -> None:
        """Nothing to free."""


class DeskPublisher:
    """A `Publisher` to whoever asked; where there is a publisher `behind` it, judgements go there first.

    So an answer that somebody acts on stands on the record. What was asked for its features alone never does; the
    features of others do where `remembers` says so.
    """

    def __init__(self, desk: Desk, behind: Publisher | None = None, *, remembers: bool = False) -> None:
        self._desk = desk
        self._behind = behind
        self._remembers = remembers

    def publish(self, answers: Sequence[Answer]) -> None:
        try:
            self._record(answers)
        except RefusedError as error:
            refused = error.refused.keys() | error.unwritten.keys()
            self._desk.answer([each for index, each in enumerate(answers) if index not in refused])
            raise
        self._desk.answer(answers)

    def close(self) -> None:
        if self._behind is not None:
            self._behind.close()

    def _record(self, answers: Sequence[Answer]) -> None:
        if self._behind is None:
            return
        judged = [index for index, each in enumerate(answers) if each.event.topic == JUDGE]
        if not judged:
            return
        try:
            self._behind.publish([self._recorded(answers[index]) for index in judged])
        except RefusedError as error:
            refused = {judged[at]: words for at, words in error.refused.items()}
            raise RefusedError(refused, {judged[at]: why for at, why in error.unwritten.items()}) from error

    def _recorded(self, answer: Answer) -> Answer:
        return replace(answer, features=None) if isinstance(answer, Decided) and not self._remembers else answer
