"""Answers and logs of a run, read from the start."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pipeline.wire import CONNECT_PREFIX, EVENT_ID_HEADER, REASON_HEADER
from tests.chaos.evidence import Given, LogLine, Told
from tests.chaos.ledger import LEDGER_HEADER
from tests.services.kafka import Record

KEY_PREFIX = b"ledger-"


def decision_given(topic: str, record: Record) -> Given:
    decision = json.loads(record.value or b"")
    source = decision["source"]
    return Given(
        ((topic, record.partition), record.offset),
        _number(record),
        decision["event_id"],
        (source["partition"], source["offset"]),
        decision_id=decision["decision_id"],
        verdict=decision["verdict"],
    )


def dead_letter_given(topic: str, record: Record) -> Given:
    def text(name: str) -> str:
        return (record.header(name) or b"").decode(errors="replace")

    return Given(
        ((topic, record.partition), record.offset),
        _number(record),
        text(EVENT_ID_HEADER),
        (int(text(CONNECT_PREFIX + "partition") or -1), int(text(CONNECT_PREFIX + "offset") or -1)),
        reason=text(REASON_HEADER),
    )


def _number(record: Record) -> int | None:
    said = record.header(LEDGER_HEADER)
    if said is None and record.key is not None and record.key.startswith(KEY_PREFIX):
        said = record.key.removeprefix(KEY_PREFIX).rstrip(b"k")
    return int(said) if said is not None and said.isdigit() else None


def read_logs(folder: Path) -> list[LogLine]:
    """Every line of every process of ours, from both its outputs."""
    found = []
    for path in sorted([*folder.glob("*.err"), *folder.glob("*.out")]):
        for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
            found.append(LogLine(path.name, number, text, _entry(text)))
    return found


def _entry(text: str) -> Mapping[str, object] | None:
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def told(log: Iterable[LogLine], epochs: Mapping[str, float]) -> list[Told]:
    """What logs have said is lost, by the epoch that it concerns.

    What was looked for in a topic that is another now belongs to the epoch before.
    """
    found = []
    for line in log:
        entry = line.entry
        if entry is None or entry.get("event") != "events_lost":
            continue
        now = _epoch_at(datetime.fromisoformat(entry["timestamp"]).timestamp(), epochs)
        another = entry["reason"] in {"recreated", "truncated"}
        epoch = _before(now, epochs) if another else now
        until = None if another else entry["goes_on_at"]
        found.append(Told(epoch, entry["partition"], entry["looked_for"], until, entry["reason"]))
    return found


def _epoch_at(seconds: float, epochs: Mapping[str, float]) -> str:
    begun = [epoch for epoch, began in epochs.items() if began <= seconds]
    return begun[-1] if begun else next(iter(epochs))


def _before(epoch: str, epochs: Mapping[str, float]) -> str:
    return next((earlier for earlier, later in pairwise(epochs) if later == epoch), epoch)
