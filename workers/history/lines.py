"""What is read of an answer that was read back: what it says, and when and where it was written."""

from __future__ import annotations

import msgspec
from rich.text import Text

from pipeline.wire import Decision, Event, SourceRef, dead_letter_json, read_dead_letter, rfc3339
from workers.scan.report import dead_letter_line, decision_line
from workers.terminal.console import told


def stamped(time: str, partition: int, offset: int, line: Text) -> Text:
    """The line, behind a time, a partition and an offset."""
    return told((f"{time} {partition}@{offset} ", "dim")) + line


def decision_text(record: Event, decision: Decision) -> Text:
    """One line: when and where it was written, verdict, score, policy, image, evidence."""
    return stamped(rfc3339(record.timestamp), record.partition, record.offset, _said(decision))


def archived_text(decision: Decision) -> Text:
    """As `decision_text`, of an archive, which knows when it was decided and where its event stands."""
    return stamped(decision.decided_at, decision.source.partition, decision.source.offset, _said(decision))


def _said(decision: Decision) -> Text:
    line = decision_line(decision)
    if decision.supersedes:
        line += told((f"  instead of {decision.supersedes}", "dim"))
    if decision.review_probability is not msgspec.UNSET:
        line += told((f"  drawn for review, 1 in {1 / decision.review_probability:,.0f}", "dim"))
    return line


def decision_object(record: Event) -> str:
    """A decision's record as JSON: what stands there, with ``time`` and ``stored``, when and where it was written."""
    said = msgspec.json.decode(record.value or b"")
    stored = SourceRef(record.topic, record.partition, record.offset)
    return msgspec.json.encode({**said, "time": rfc3339(record.timestamp), "stored": stored}).decode()


def archived_object(decision: Decision, said: bytes) -> str:
    """An archived decision as JSON: what was published, with ``time``, when it was decided; ``source`` says where."""
    return msgspec.json.encode({**msgspec.json.decode(said), "time": decision.decided_at}).decode()


def letter_text(record: Event) -> Text:
    """One line: when and where it was written, reason, image, message."""
    said = dead_letter_line(read_dead_letter(record))
    return stamped(rfc3339(record.timestamp), record.partition, record.offset, said)


def letter_object(record: Event) -> str:
    """A dead letter's record as JSON, which says by itself when and where it was written."""
    return dead_letter_json(read_dead_letter(record)).decode()
