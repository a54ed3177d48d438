"""Answers by id: in the archive where there is one, else in the topics."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from math import inf

from pipeline.errors import ServiceError, UsageError
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Decision
from workers.archive.opening import opened_archive
from workers.history.found import Found, in_order
from workers.history.in_topics import Reading, Search, decision_in, letter_in
from workers.history.reading import size_of
from workers.services import kafka_topic
from workers.settings import Settings
from workers.terminal.console import Terminal
from workers.terminal.plain import one_line


class Searched:
    """What was found by one id, and in words where it was looked for."""

    def __init__(
        self, settings: Settings, terminal: Terminal, archive: str | None, window: Window, *, topics: bool
    ) -> None:
        self.places: list[str] = []
        self.away = ""
        """Why the topics were not asked, where the archive alone could answer; empty where they were."""
        self._settings = settings
        self._terminal = terminal
        self._archive = archive
        self._window = window
        self._topics = topics

    def answers(self, name: str) -> list[Found]:
        """The newest first, those that are superseded marked.

        Topics are asked where the archive has nothing of that name, or always, if told so. Raises `ServiceError`, but
        not where no broker is there to be asked beside an archive, which `away` then says.
        """
        found = self._in_archive(name) if self._archive or self._settings.archive_at else []
        if self._topics or not found:
            try:
                found += self._in_topic(self._settings.decisions_topic, decision_in, name)
                found += self._in_topic(self._settings.dead_letters_topic, letter_in, name)
            except ServiceError as error:
                if found or not self.places:
                    raise
                if self._topics or not _is_nobody(error):
                    raise ServiceError(f"{'; '.join(self.places)}: nothing there is called so; {error}") from error
                self.away = str(error)
        return in_order(found)

    def _in_archive(self, name: str) -> list[Found]:
        from workers.history import in_archive  # noqa: PLC0415 - pyarrow, for those alone that have an archive

        with opened_archive(self._settings, self._archive) as archive:
            search = in_archive.Search(archive, self._window)
            with self._terminal.counting(f"looking in {archive.store.address}", search.segments) as counter:
                found = search.decisions(name, counter.advance)
            self.places.append(f"{archive.store.address}, {search.segments:,} segments")
        return found

    def _in_topic(self, topic: str, read: Reading, name: str) -> list[Found]:
        with closing(kafka_topic(self._settings, topic)) as held:
            search = Search(held, read, self._window)
            with self._terminal.counting(f"looking in {topic}", search.records) as counter:
                found = list(search.answers(name, counter.advance))
            partitions = ", ".join(str(number) for number in sorted(search.searched))
            self.places.append(
                f"{topic}, {size_of(search.searched):,} of {search.records:,} records"
                + (f", partitions {partitions}" if partitions else "")
            )
        return found


def _is_nobody(error: ServiceError) -> bool:
    """Whether no broker is there at all, rather than one that refuses."""
    from pipeline.adapters.kafka import BrokerAwayError  # noqa: PLC0415 - who has this error has loaded it already

    return isinstance(error, BrokerAwayError) and error.patience == inf


def decisions_called(settings: Settings, terminal: Terminal, archive: str | None, name: str) -> Sequence[Decision]:
    """The decisions that are called so, the newest first.

    Raises `UsageError` where there is none, `ServiceError` where not all could be asked.
    """
    searched = Searched(settings, terminal, archive, ALWAYS, topics=False)
    found = [each.said for each in searched.answers(name)]
    decisions = [each for each in found if isinstance(each, Decision)]
    if searched.away:
        raise ServiceError(f"{'; '.join(searched.places)}: nothing there is called so; {searched.away}")
    if not decisions:
        what = "is a dead letter's alone: sluice dlq replay sends its event again" if found else "is no decision's"
        raise UsageError(f"{one_line(name)} is no file, and as an id it {what} ({'; '.join(searched.places)})")
    return decisions
