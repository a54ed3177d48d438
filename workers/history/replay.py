"""A decision made again: the same event, the same policies, the same model, through the stages of a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event as Flag

from msgspec.structs import replace

from pipeline.adapters.memory.given import GivenSource
from pipeline.archive.archive import Archive
from pipeline.errors import UsageError
from pipeline.ports import Fetcher
from pipeline.rules.judging import judge
from pipeline.rules.policies.list_entries import pdq_of_the_past
from pipeline.rules.sameness import Comparison, compared
from pipeline.rules.times import seconds_of
from pipeline.wire import Answer, DeadLetter, Decided, Decision, Event, Topics, dead_letter, parse_decision, record_of
from workers import assembly
from workers.history.again import answered, archived_signals, check_model, event_of
from workers.history.events import Events
from workers.history.policy_sets import files_of_version
from workers.settings import Settings

_FROM_FEATURES = (
    "the event's image is not seen again: its archived features were judged again, and nothing else replayed"
)
_GONE = frozenset(("fetch_failed", "fetch_refused", "checksum_mismatch"))
"""Reasons of a dead letter by which the image of a claim check is not there any more, or is another one."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay: the decision made again, or the dead letter that came instead."""

    before: Decision
    after: Decision | DeadLetter
    notes: tuple[str, ...] = ()

    @property
    def comparison(self) -> Comparison | None:
        """What the two have in common; None where there is no decision."""
        return compared(self.before, self.after) if isinstance(self.after, Decision) else None

    @property
    def same(self) -> bool:
        found = self.comparison
        return found is not None and found.same


class Replays:
    """Makes decisions again with one model. `archive` may have policy sets, and features where events have gone."""

    def __init__(
        self, settings: Settings, model: assembly.Model, events: Events, fetcher: Fetcher, archive: Archive | None
    ) -> None:
        self._settings = settings
        self._model = model
        self._events = events
        self._fetcher = fetcher
        self._archive = archive
        self._texts = assembly.text_cache(settings)
        self._judges: dict[str, assembly.Judge] = {}

    def of(self, before: Decision) -> Replayed:
        """Make that decision again. Raises `UsageError` for one that cannot be, with what is missing."""
        check_model(before, self._model.provenance, "replay")
        event, why_not = event_of(self._events, before)
        if event is None:
            return self._from_features(before, why_not)
        [answer] = self._put_through(event, self._judge(before.policy_set), seconds_of(before.decided_at))
        if isinstance(answer, Decided):
            return Replayed(before, _as_published(answer))
        letter = dead_letter(answer)
        if letter.reason in _GONE:
            return self._from_features(before, f"what its claim check stands for is not there: {letter.message}")
        return Replayed(before, letter)

    def _judge(self, version: str) -> assembly.Judge:
        if version not in self._judges:
            written = files_of_version(self._settings, self._archive, version, self._model.provenance)
            self._judges[version] = assembly.judge_by(written, self._model, self._texts)
        return self._judges[version]

    def _put_through(self, event: Event, judge: assembly.Judge, now: float) -> Sequence[Answer]:
        done = Flag()
        source = GivenSource([event], done, time.monotonic)
        return answered(self._settings, judge, source, self._fetcher, done, lambda: now)

    def _from_features(self, before: Decision, why: str) -> Replayed:
        """What its policies say of the features that the archive kept. Raises `UsageError` where it kept none."""
        signals = None if self._archive is None else archived_signals(self._archive, before.event_id)
        if signals is None:
            raise UsageError(
                f"{before.decision_id} cannot be replayed: {why}, and "
                + ("there is no archive (--archive)" if self._archive is None else "the archive has no such event")
            )
        compiled = self._judge(before.policy_set).live().at(seconds_of(before.decided_at))
        found = judge([signals], compiled)[0]
        after = replace(
            before,
            verdict=found.verdict,
            matches=found.matches,
            shadow=found.shadow,
            scores=found.scores,
            model=signals.made_by.model,
            preprocess=signals.made_by.preprocess,
            frames=signals.frames,
        )
        pdq = pdq_of_the_past(compiled.policy_set)
        return Replayed(before, after, (why, _FROM_FEATURES, *((pdq,) if pdq else ())))


def _as_published(answer: Decided) -> Decision:
    """The decision as its record has it, with the notes on headers that it does not carry."""
    return parse_decision(record_of(answer, Topics()).value or b"")
