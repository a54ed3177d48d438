"""Why a decision came out as it did, asked of the model again, one question at a time."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.rules.times import seconds_of
from pipeline.wire import Decision, Event
from workers.console.console import Console

if TYPE_CHECKING:
    from pipeline.lab.explain.maps import Map
    from pipeline.lab.explain.record import Explanation, Why
    from workers.assembly import Judge

KEPT = 60
"""Pictures of maps in memory, some 300 KB each."""
PATIENCE = 60.0
"""Seconds to wait while somebody else's explanation is made."""


@dataclass(frozen=True)
class Explained:
    """A policy's explanation in words and tables, and the names by which browsers get the pictures of its map."""

    why: Why
    outcome: str
    proof: list[str]
    sentences: list[tuple[str, str, str]]
    pictures: dict[str, str]


@dataclass(frozen=True)
class Answer:
    policies: list[Explained]
    notes: list[str]


class Explaining:
    """Explains decisions of the stream, and keeps the pictures that it made for a while."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turn = Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def of(self, decision: Decision) -> Answer:
        """The explanation. Raises `UsageError` with what is in the way: another model, an event that is gone."""
        from workers.explain.explained import why_of  # noqa: PLC0415 - the model's libraries
        from workers.explain.seen import seen_event  # noqa: PLC0415

        if not self._turn.acquire(timeout=PATIENCE):
            raise UsageError("others' explanations are being made; ask again")
        try:
            reach, settings = self._console.reach, self._console.settings
            event = self._console.pictures.event(decision.source)
            judge, notes = self._judge(decision, event)
            seen = seen_event(settings, judge, event, reach.fetcher)
            compiled = judge.live().at(seconds_of(decision.decided_at))
            found, maps = why_of(judge.model, compiled, seen)
        finally:
            self._turn.release()
        return self._shown(found, maps, notes)

    def picture(self, name: str) -> bytes | None:
        """A WebP that an explanation named; None where it was too long ago."""
        return self._pictures.get(name)

    def _judge(self, decision: Decision, event: Event) -> tuple[Judge, list[str]]:
        """The policies that decided, or those of now where these are gone, and what is to be known of that."""
        from pipeline.items import Item  # noqa: PLC0415
        from workers.history.again import check_model  # noqa: PLC0415

        if Item(event).event_id != decision.event_id:
            raise UsageError(f"another event stands at {decision.source}: the topic was made anew")
        judge = self._console.reach.judge()
        check_model(decision, judge.model.provenance, "explain")
        if judge.live().policy_set.version == decision.policy_set:
            return judge, []
        return _judge_of_then(self._console, judge, decision)

    def _shown(self, found: Explanation, maps: dict[str, Map], notes: list[str]) -> Answer:
        from pipeline.lab.explain import words  # noqa: PLC0415

        policies = [
            Explained(
                why,
                words.outcome(why),
                list(words.proof(why)),
                words.sentence_rows(why),
                self._kept(maps[why.policy]) if why.policy in maps else {},
            )
            for why in found.policies
        ]
        return Answer(policies, [*notes, *found.notes])

    def _kept(self, made: Map) -> dict[str, str]:
        from pipeline.lab.explain.overlay import png  # noqa: PLC0415

        pictures = {
            "the picture": made.plain,
            "where the score comes from": made.heated,
            "without that": made.without,
        }
        names: dict[str, str] = {}
        for said, picture in pictures.items():
            name = names[said] = secrets.token_hex(16)
            self._pictures[name] = png(picture)
        while len(self._pictures) > KEPT:
            self._pictures.popitem(last=False)
        return names


def _judge_of_then(console: Console, judge: Judge, decision: Decision) -> tuple[Judge, list[str]]:
    from workers import assembly  # noqa: PLC0415
    from workers.history.policy_sets import files_of_version  # noqa: PLC0415

    of_now = f"the policies of now explain it: those of then ({decision.policy_set}) are not to be had"
    if console.reach.archive is None:
        return judge, [of_now]
    try:
        with console.reach.archive() as archive:
            reading = files_of_version(console.settings, archive, decision.policy_set, judge.model.provenance)
    except UsageError as error:
        return judge, [f"{of_now}: {error}"]
    return assembly.judge_by(reading, judge.model), []
