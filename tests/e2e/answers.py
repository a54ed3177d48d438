"""What a pipeline has answered, read back from its topics, and the promises that hold of it at any time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from pipeline.wire import CONNECT_PREFIX, EVENT_ID_HEADER, REASON_HEADER
from tests.services.kafka import Record

EventRef = tuple[int, int]
"""Partition and offset of an event."""


@dataclass(frozen=True)
class Answer:
    """One record of the decisions topic or of the dead-letter topic, and the event that it answers."""

    event: EventRef
    record: Record
    decision: dict[str, Any] | None = None

    @property
    def identity(self) -> str:
        """What it says of which event: the same in every repeat."""
        return self.decision["decision_id"] if self.decision else f"dead letter: {self.reason} of {self.event_id}"

    @property
    def event_id(self) -> str:
        """What a consumer drops repeats by."""
        said = self.decision["event_id"] if self.decision else self.record.header(EVENT_ID_HEADER)
        return said.decode() if isinstance(said, bytes) else str(said)

    @property
    def reason(self) -> str | None:
        """Why it is a dead letter; None for a decision."""
        value = self.record.header(REASON_HEADER)
        return value.decode() if value is not None else None


@dataclass(frozen=True)
class Answers:
    """All answers at one moment."""

    all: list[Answer]

    @cached_property
    def by_event(self) -> dict[EventRef, list[Answer]]:
        """The answers to each event that has any."""
        found: defaultdict[EventRef, list[Answer]] = defaultdict(list)
        for answer in self.all:
            found[answer.event].append(answer)
        return dict(found)

    @property
    def repeats(self) -> int:
        """How many answers were given again."""
        return len(self.all) - len(self.by_event)

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The decisions alone, as JSON objects, in the order of partition and offset of their events."""
        return [answer.decision for answer in sorted(self.all, key=lambda each: each.event) if answer.decision]

    @property
    def dead_letters(self) -> list[Answer]:
        return [answer for answer in self.all if answer.decision is None]

    def changed_their_mind(self) -> dict[EventRef, set[str]]:
        """Events that were answered again in another way: never any, while policies and model stay the same."""
        said = {event: {answer.identity for answer in answers} for event, answers in self.by_event.items()}
        return {event: identities for event, identities in said.items() if len(identities) > 1}

    def answered_up_to(self) -> dict[int, int]:
        """For each partition, the first offset that has no answer: a commit beyond it would lose that event."""
        ends: defaultdict[int, int] = defaultdict(int)
        for partition, offset in sorted(self.by_event):
            if offset == ends[partition]:
                ends[partition] += 1
        return dict(ends)


def read_answers(decisions: Iterable[Record], dead_letters: Iterable[Record]) -> Answers:
    """The records of both topics as answers to the events that they name."""
    return Answers([*map(_decision, decisions), *map(_dead_letter, dead_letters)])


def schema_problems(decision: object) -> list[str]:
    """Where a decision departs from its published JSON Schema."""
    return [f"{error.json_path}: {error.message}" for error in _schema("decision.v2").iter_errors(decision)]


def dead_letter_problems(letter: Record, event: Record, topic: str) -> list[str]:
    """Where a dead letter departs from its event, byte for byte, or its headers from their published schema."""
    named = {name: value.decode() for name, value in letter.headers}
    problems = [
        f"{error.json_path}: {error.message}" for error in _schema("dead_letter_headers.v1").iter_errors(named)
    ]
    expected: Mapping[str, str] = {
        "topic": topic,
        "partition": str(event.partition),
        "offset": str(event.offset),
    }
    for name, value in expected.items():
        if named.get(CONNECT_PREFIX + name) != value:
            problems.append(f"{name} is {named.get(CONNECT_PREFIX + name)!r} and not {value!r}")
    if (letter.key, letter.value) != (event.key, event.value):
        problems.append("key and value are not the event's own bytes")
    if tuple(letter.headers[: len(event.headers)]) != tuple(event.headers):
        problems.append("the event's own headers are not there")
    return problems


def _decision(record: Record) -> Answer:
    decision = json.loads(record.value or b"")
    source = decision["source"]
    return Answer((source["partition"], source["offset"]), record, decision)


def _dead_letter(record: Record) -> Answer:
    def number(name: str) -> int:
        return int(record.header(CONNECT_PREFIX + name) or -1)

    return Answer((number("partition"), number("offset")), record)


@cache
def _schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((files("pipeline.schemas") / f"{name}.json").read_text()))
