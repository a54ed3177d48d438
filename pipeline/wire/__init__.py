"""The wire says what records look like: those that come in, those that go out, and the names of topics and headers.

The JSON Schemas in ``pipeline/schemas`` describe the same bytes; the tests hold each against the other.
"""

from __future__ import annotations

from pipeline.wire.answers import Answer, Decided, Failed, Failure, Form
from pipeline.wire.dead_letters import DeadLetter, dead_letter, dead_letter_json, read_dead_letter
from pipeline.wire.decisions import (
    SEVERITY,
    Action,
    Against,
    Decision,
    Evidence,
    Match,
    ModelRef,
    PromptEvidence,
    Region,
    Verdict,
    decision_json,
    parse_decision,
)
from pipeline.wire.events import (
    Claim,
    Event,
    SourceRef,
    decision_id,
    event_id,
    image_id,
    parse_claim,
    rfc3339,
    short_key,
    time_notes,
)
from pipeline.wire.names import (
    CLAIM_CONTENT_TYPE,
    CONNECT_PREFIX,
    CONTENT_TYPE,
    DEAD_LETTERS_TOPIC,
    DECISIONS_TOPIC,
    EVENT_ID_HEADER,
    IMAGES_TOPIC,
    LEFT_OUT_HEADER,
    NOTE_HEADER,
    REASON_HEADER,
    Headers,
)
from pipeline.wire.records import Record, Topics, record_of

__all__ = [
    "CLAIM_CONTENT_TYPE",
    "CONNECT_PREFIX",
    "CONTENT_TYPE",
    "DEAD_LETTERS_TOPIC",
    "DECISIONS_TOPIC",
    "EVENT_ID_HEADER",
    "IMAGES_TOPIC",
    "LEFT_OUT_HEADER",
    "NOTE_HEADER",
    "REASON_HEADER",
    "SEVERITY",
    "Action",
    "Against",
    "Answer",
    "Claim",
    "DeadLetter",
    "Decided",
    "Decision",
    "Event",
    "Evidence",
    "Failed",
    "Failure",
    "Form",
    "Headers",
    "Match",
    "ModelRef",
    "PromptEvidence",
    "Record",
    "Region",
    "SourceRef",
    "Topics",
    "Verdict",
    "dead_letter",
    "dead_letter_json",
    "decision_id",
    "decision_json",
    "event_id",
    "image_id",
    "parse_claim",
    "parse_decision",
    "read_dead_letter",
    "record_of",
    "rfc3339",
    "short_key",
    "time_notes",
]
