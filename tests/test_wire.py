"""Records on the wire: what is carried through, what is added, and that the schemas say the same."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Reason
from pipeline.wire import (
    Claim,
    Decision,
    Event,
    Failure,
    Match,
    ModelRef,
    SourceRef,
    dead_letter_record,
    decision_id,
    decision_record,
    image_id,
    parse_claim,
    parse_decision,
    rfc3339,
)
from workers.report import dead_letter


def schema(name: str) -> dict[str, Any]:
    return json.loads(files("pipeline.schemas").joinpath(f"{name}.json").read_text())


def decision(**changed: Any) -> Decision:
    match = Match("weapons", "0123456789ab", "block", 0.97, 0.9, "a knife", 0.9)
    values = {
        "decision_id": decision_id(SourceRef("t", 0, 7), "0123456789ab", "f" * 16),
        "image_id": "cat.jpg",
        "content_sha256": "0" * 64,
        "source": SourceRef("t", 0, 7),
        "verdict": "block",
        "matches": [match],
        "scores": {"weapons": 0.97},
        "policy_set": "0123456789ab",
        "model": ModelRef("bundled", "f" * 16, "float32"),
        "preprocess": "fast-64",
        "frames": 1,
        "event_time": rfc3339(0.0),
        "decided_at": rfc3339(1700000000.1239),
    }
    return Decision(**{**values, **changed})


def test_a_decision_validates_against_its_schema_and_reads_back_the_same() -> None:
    record = decision_record(Event("t", 0, 7, b"cat.jpg", b"..."), decision(), "out")
    jsonschema.validate(json.loads(record.value or b""), schema("decision.v1"))
    assert parse_decision(record.value or b"") == decision()


def test_the_schema_names_the_very_fields_of_a_decision() -> None:
    assert set(schema("decision.v1")["properties"]) == {field.name for field in msgspec.structs.fields(Decision)}
    named = schema("decision.v1")["$defs"]["match"]["properties"]
    assert set(named) == {field.name for field in msgspec.structs.fields(Match)}
    assert set(schema("claim.v1")["properties"]) == {field.name for field in msgspec.structs.fields(Claim)}


def test_a_decision_is_a_cloud_event_and_carries_the_events_own_headers() -> None:
    headers = [("traceparent", b"00-1"), ("ce_id", b"theirs"), ("x", b"\xff")]
    record = decision_record(Event("t", 0, 7, None, b"...", headers), decision(), "out")
    found = dict(record.headers)
    assert found["ce_id"] == decision().decision_id.encode()
    assert found["sluice.event.ce_id"] == b"theirs"
    assert (found["traceparent"], found["x"]) == (b"00-1", b"\xff")
    assert record.key == b"cat.jpg"


@given(st.none() | st.binary(), st.none() | st.binary(), st.text(max_size=50))
def test_a_dead_letter_keeps_key_value_and_headers_byte_for_byte(
    key: bytes | None, value: bytes | None, message: str
) -> None:
    event = Event("t", 3, 9, key, value, [("own", b"\x00\xff")])
    record = dead_letter_record(event, Failure("decode", "truncated", "pipeline.errors.ItemError", message), "dlq")
    assert (record.key, record.value, record.headers[0]) == (key, value, ("own", b"\x00\xff"))
    found = {name: held.decode("utf-8", "replace") for name, held in record.headers}
    jsonschema.validate(found, schema("dead_letter_headers.v1"))


def test_the_dead_letter_schema_lists_every_reason() -> None:
    assert schema("dead_letter_headers.v1")["properties"]["sluice.reason"]["enum"] == [
        reason.value for reason in Reason
    ]


def test_an_id_depends_on_place_policies_and_model_alone() -> None:
    base = decision_id(SourceRef("t", 0, 7), "set", "model")
    assert decision_id(SourceRef("t", 0, 7), "set", "model") == base
    others = [
        decision_id(SourceRef("t", 0, 8), "set", "model"),
        decision_id(SourceRef("t", 1, 7), "set", "model"),
        decision_id(SourceRef("t0", 7, 7), "set", "model"),
        decision_id(SourceRef("t", 0, 7), "set2", "model"),
        decision_id(SourceRef("t", 0, 7), "set", "model2"),
    ]
    assert len({base, *others}) == 6


def test_an_image_is_named_by_key_claim_or_place() -> None:
    assert image_id(Event("t", 0, 7, b"k\xff", b"")) == "k\\xff"
    assert image_id(Event("t", 0, 7, None, b""), Claim("https://x/y", id="mine")) == "mine"
    assert image_id(Event("t", 0, 7, b"", b"")) == "t/0/7"


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"uri": 3}', b"\xff", b'{"uri": "https://x", "sha256": 5}'])
def test_what_is_not_a_claim_check_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_claim(value)


@pytest.mark.parametrize(
    ("content_type", "claim"),
    [("application/json", True), ("Application/JSON; charset=utf-8", True), ("image/jpeg", False), (None, False)],
)
def test_a_claim_is_told_by_its_content_type(content_type: str | None, claim: bool) -> None:
    headers = [("Content-Type", content_type.encode())] if content_type else []
    assert Event("t", 0, 0, None, b"", headers).is_claim is claim


def test_a_dead_letter_prints_as_a_line_that_its_schema_describes() -> None:
    record = dead_letter_record(Event("t", 3, 9, b"k", b""), Failure("fetch", "empty", "E", "no bytes"), "dlq")
    letter = dead_letter(record)
    assert letter is not None
    jsonschema.validate(msgspec.to_builtins(letter), schema("dead_letter.v1"))
    assert (letter.image_id, letter.stage, letter.reason) == ("k", "fetch", "empty")
