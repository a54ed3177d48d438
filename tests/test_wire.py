"""Records on the wire: what is carried through, what is added, and that the schemas say the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Reason
from pipeline.wire import (
    Against,
    Claim,
    DeadLetter,
    Decided,
    Decision,
    Event,
    Evidence,
    ExamplesEvidence,
    Failed,
    Failure,
    Form,
    ListEvidence,
    Match,
    ModelRef,
    PromptEvidence,
    Record,
    Region,
    SourceRef,
    Topics,
    decision_id,
    decision_json,
    event_id,
    image_id,
    origin_of,
    parse_archive_record,
    parse_audit,
    parse_claim,
    parse_decision,
    parse_review,
    read_dead_letter,
    record_of,
    rfc3339,
    time_notes,
)
from pipeline.wire.events import ORIGIN_LIMIT
from pipeline.wire.names import CARRIED_LIMIT, HEADER_LIMIT, KEY_LIMIT, ORIGIN_HEADER

EVENT_ID = "e" * 32


def decision_record(event: Event, made: Decision, topic: str, form: Form = Form.WHOLE) -> Record:
    return record_of(Decided(event, made, form), Topics(decisions=topic))


def dead_letter_record(
    event: Event, event_id: str, failure: Failure, topic: str, notes: Sequence[str] = (), form: Form = Form.WHOLE
) -> Record:
    return record_of(Failed(event, event_id, failure, tuple(notes), form), Topics(dead_letters=topic))


UNREAD = Failure("decode", "truncated", "pipeline.errors.ItemError", "cut off")
YEAR_9999 = "9999-12-31T23:59:59.999Z"


def schema(name: str) -> dict[str, Any]:
    return json.loads(files("pipeline.schemas").joinpath(f"{name}.json").read_text())


def decision(**changed: Any) -> Decision:
    match = Match("weapons", "0123456789ab", "block", 0.97, 0.9, "a knife", 0.9)
    values = {
        "event_id": EVENT_ID,
        "decision_id": decision_id(EVENT_ID, "0123456789ab", "f" * 16),
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
    jsonschema.validate(json.loads(record.value or b""), schema("decision.v2"))
    assert parse_decision(record.value or b"") == decision()


def test_what_a_decision_supersedes_is_said_where_there_is_something() -> None:
    first = decision()
    later = msgspec.structs.replace(first, supersedes="0" * 32)
    assert b"supersedes" not in decision_json(first)
    assert json.loads(decision_json(later)) == {**json.loads(decision_json(first)), "supersedes": "0" * 32}
    drawn = msgspec.structs.replace(first, review_probability=0.001)
    assert b"review_probability" not in decision_json(first)
    for made in (first, later, drawn):
        assert parse_decision(decision_json(made)) == made
        jsonschema.validate(json.loads(decision_json(made)), schema("decision.v2"))


def test_a_decision_from_before_there_was_evidence_still_reads() -> None:
    """Decisions of the first version and of the second do."""
    for version in ("sluice.decision.v1", "sluice.decision.v2"):
        old = msgspec.to_builtins(decision(schema=version))
        assert all(match.pop("evidence") is None for match in old["matches"])
        assert parse_decision(msgspec.json.encode(old)) == decision(schema=version)


VIEW = Region(3, (0.0, 0.25, 0.5, 1.0))
TURNED = Region(0, (0.0, 0.0, 1.0, 1.0), "90")
EVIDENCE = [
    PromptEvidence("a knife", 0.9, VIEW),
    PromptEvidence("a knife", 0.9, TURNED),
    PromptEvidence("a knife", 0.9, VIEW, Against("a tree", 0.03)),
    ExamplesEvidence("examples/vape-1.jpg", 0.91, VIEW),
    ListEvidence("block", "sha256", "lists/known.csv", 812, "campaign"),
    ListEvidence("block", "pdq", "lists/known.csv", 7, bits=12),
    ListEvidence("block", "picture", "lists/one.jpg", cosine=0.9876, view=TURNED),
]
"""Examples of each kind."""
KINDS = get_args(Evidence) or (Evidence,)


@pytest.mark.parametrize("evidence", EVIDENCE, ids=repr)
def test_evidence_says_which_head_it_is_of_and_fits_the_schema(evidence: Evidence) -> None:
    (match,) = decision().matches
    told = decision(matches=[msgspec.structs.replace(match, evidence=evidence)])
    value = decision_record(Event("t", 0, 7, b"cat.jpg", b"..."), told, "out").value or b""
    assert json.loads(value)["matches"][0]["evidence"]["head"] == type(evidence).__struct_config__.tag
    jsonschema.validate(json.loads(value), schema("decision.v2"))
    assert parse_decision(value) == told


def test_there_is_an_example_of_each_kind_of_evidence() -> None:
    assert {type(each) for each in EVIDENCE} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_names_the_very_fields_of_evidence(kind: type[msgspec.Struct]) -> None:
    described = schema("decision.v2")["$defs"]
    allowed = described["match"]["properties"]["evidence"]["oneOf"]
    properties = [described[each["$ref"].rpartition("/")[2]]["properties"] for each in allowed if "$ref" in each]
    (ours,) = [each for each in properties if each["head"] == {"const": kind.__struct_config__.tag}]
    assert set(ours) == {"head", *(field.name for field in msgspec.structs.fields(kind))}


def test_evidence_of_a_head_that_only_a_newer_release_knows_is_left_out() -> None:
    [match, *_] = decision().matches
    newer = json.loads(decision_json(decision(matches=[match])))
    newer["matches"][0] |= {"evidence": {"head": "tea leaves", "leaves": 7}, "prompt": ""}
    newer["shadow"] = [newer["matches"][0] | {"tea": "green"}]
    read = parse_decision(json.dumps(newer).encode())
    assert [each.policy for each in (*read.matches, *read.shadow)] == [match.policy] * 2
    assert read.matches[0].why == "evidence of a kind that this release does not know"
    newer["verdict"] = "perhaps"
    with pytest.raises(msgspec.ValidationError, match="verdict"):
        parse_decision(json.dumps(newer).encode())


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_json_that_is_no_decision_is_refused_in_words(value: object) -> None:
    for odd in (value, {"matches": value}, {"matches": [value, {"evidence": value}, {"evidence": {"head": value}}]}):
        with pytest.raises(msgspec.DecodeError):
            parse_decision(json.dumps(odd).encode())


def test_why_a_policy_matched_is_said_in_words_with_evidence_or_without() -> None:
    (old,) = decision().matches
    new = msgspec.structs.replace(old, prompt="", evidence=EVIDENCE[0])
    assert old.why == new.why == "'a knife'"


def test_the_schema_names_the_very_fields_of_a_decision() -> None:
    read_back = {"time", "stored", "superseded_by"}
    fields = {field.name for field in msgspec.structs.fields(Decision)}
    assert set(schema("decision.v2")["properties"]) == fields | read_back
    named = schema("decision.v2")["$defs"]["match"]["properties"]
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
    failure = Failure("decode", "truncated", "pipeline.errors.ItemError", message)
    record = dead_letter_record(event, EVENT_ID, failure, "dlq")
    assert (record.key, record.value, record.headers[0]) == (key, value, ("own", b"\x00\xff"))
    found = {name: (held or b"").decode("utf-8", "replace") for name, held in record.headers}
    jsonschema.validate(found, schema("dead_letter_headers.v1"))


def test_the_dead_letter_schema_lists_every_reason() -> None:
    assert schema("dead_letter_headers.v1")["properties"]["sluice.reason"]["enum"] == [
        reason.value for reason in Reason
    ]


def test_an_event_id_depends_on_what_the_record_is_and_on_nothing_else() -> None:
    base = Event("t", 0, 7, b"key", b"value", [("h", b"1")], 1700000000.123)
    same = Event("t", 0, 7, None, b"read again", (), 1700000000.123)
    assert event_id(base, "hash") == event_id(same, "hash"), "the value counts by its hash, which is given"
    others = [
        event_id(Event("t", 0, 8, None, b"", (), 1700000000.123), "hash"),
        event_id(Event("t", 1, 7, None, b"", (), 1700000000.123), "hash"),
        event_id(Event("t0", 7, 7, None, b"", (), 1700000000.123), "hash"),
        event_id(Event("t", 0, 7, None, b"", (), 1700000000.124), "hash"),
        event_id(base, "another hash"),
    ]
    assert len({event_id(base, "hash"), *others}) == 6


def test_a_decision_id_depends_on_event_policies_and_model_alone() -> None:
    base = decision_id(EVENT_ID, "set", "model")
    assert decision_id(EVENT_ID, "set", "model") == base
    others = [
        decision_id("f" * 32, "set", "model"),
        decision_id(EVENT_ID, "set2", "model"),
        decision_id(EVENT_ID, "set", "model2"),
    ]
    assert len({base, *others}) == 4


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
    failure = Failure("fetch", "empty", "E", "no bytes")
    letter = read_dead_letter(
        dead_letter_record(Event("t", 3, 9, b"k", b""), EVENT_ID, failure, "dlq", ["odd", "so"])
    )
    jsonschema.validate(msgspec.to_builtins(letter), schema("dead_letter.v1"))
    expected = DeadLetter(
        event_id=EVENT_ID,
        image_id="k",
        stage="fetch",
        reason="empty",
        message="no bytes",
        notes=["odd", "so"],
        source=SourceRef("t", 3, 9),
    )
    assert letter == expected


def test_a_decision_of_version_1_is_still_read() -> None:
    old = msgspec.to_builtins(decision(schema="sluice.decision.v1"))
    del old["event_id"], old["notes"]
    found = parse_decision(json.dumps(old).encode())
    assert (found.schema, found.event_id, found.verdict) == ("sluice.decision.v1", "", "block")


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        (1_764_000_000_000, "2025-11-24T16:00:00.000Z"),
        (1_764_000_000_000_000, YEAR_9999),  # microseconds
        (1_764_000_000_000_000_000, YEAR_9999),  # nanoseconds
        (2**63 - 1, YEAR_9999),
        (253_402_300_800_000, YEAR_9999),  # the first of the year 10000
        (-1, "1969-12-31T23:59:59.999Z"),
        (-(2**63), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_any_timestamp_can_be_written_and_an_odd_one_is_said(milliseconds: int, written: str) -> None:
    event = Event("t", 0, 7, b"k", b"...", (), milliseconds / 1000)
    assert rfc3339(event.timestamp) == written
    odd = milliseconds != 1_764_000_000_000
    assert bool(time_notes(event, 1_764_000_100.0)) is odd
    assert event.age(1_764_000_100.0) == (None if odd else 100.0)
    record = decision_record(event, decision(event_time=rfc3339(event.timestamp)), "out")
    jsonschema.validate(json.loads(record.value or b""), schema("decision.v2"))


def test_what_says_that_the_record_has_no_timestamp_is_told_from_a_clamped_one() -> None:
    assert time_notes(Event("t", 0, 0, None, b"", (), -0.001), 5.0) == ["event_time: the record has no timestamp"]
    (note,) = time_notes(Event("t", 0, 0, None, b"", (), 1e15), 5.0)
    assert "clamped" in note


OURS = ["ce_id", "CE_Type", "sluice.reason", "sluice.event_id", "Sluice.Note", "__connect.errors.stage"]


@pytest.mark.parametrize("name", OURS)
def test_a_header_of_ours_on_an_event_is_renamed_and_says_nothing_of_the_answer(name: str) -> None:
    event = Event("t", 0, 7, b"k", b"...", [(name, b"theirs")])
    whole = decision_record(event, decision(), "out")
    assert ("sluice.event." + name, b"theirs") in whole.headers
    assert (name, b"theirs") not in whole.headers


@pytest.mark.parametrize("name", [name for name in OURS if not name.lower().startswith("ce_")])
def test_a_dead_letters_own_words_are_not_those_of_its_event(name: str) -> None:
    letter = dead_letter_record(Event("t", 0, 7, b"k", b"...", [(name, b"theirs")]), EVENT_ID, UNREAD, "dlq")
    assert ("sluice.event." + name, b"theirs") in letter.headers
    assert (name, b"theirs") not in letter.headers
    found = read_dead_letter(letter)
    assert (found.reason, found.stage, found.event_id, found.notes) == ("truncated", "decode", EVENT_ID, [])


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
"""Text that may hold lone surrogates: they stand for the bytes of a header name that is not UTF-8."""


def size(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def test_a_huge_key_is_hashed_and_said() -> None:
    key = b"k" * (6 << 20)
    record = decision_record(
        Event("t", 0, 7, key, b"..."), decision(image_id=image_id(Event("t", 0, 7, key, b""))), "o"
    )
    found = parse_decision(record.value or b"")
    assert record.key == found.image_id.encode()
    assert found.image_id.startswith("sha256:")
    assert found.notes == ["key of 6,291,456 bytes hashed"]
    assert size(record) < 10_000
    at_the_limit = Event("t", 0, 7, b"k" * KEY_LIMIT, b"")
    assert decision_record(at_the_limit, decision(), "o").key == at_the_limit.key


@pytest.mark.parametrize(
    "headers",
    [
        [("own", b"1"), ("big", bytes(16 << 20))],
        [("own", b"1"), *[(f"x{number}", bytes(1000)) for number in range(16_000)]],
        [("own", b"1"), *[("", b"")] * 1_000_000],
        [("own", b"1"), ("n" * (1 << 20), None)],
    ],
    ids=["one of 16 MiB", "16,000 of 1 kB", "a million empty ones", "a long name without a value"],
)
def test_headers_past_the_limits_are_left_out_of_a_decision_and_named(headers: list[tuple[str, bytes]]) -> None:
    record = decision_record(Event("t", 0, 7, b"k", b"", headers), decision(), "out")
    assert ("own", b"1") in record.headers
    assert size(record) < CARRIED_LIMIT + 10_000
    (note,) = parse_decision(record.value or b"").notes
    assert note.startswith("headers left out: ")
    assert len(note) < 500
    assert len(record.headers) < len(headers) + 8


def test_headers_within_the_limits_are_all_carried() -> None:
    headers = [("a", bytes(HEADER_LIMIT - 100)), ("b", None), ("b", b"twice")]
    record = decision_record(Event("t", 0, 7, b"k", b"", headers), decision(), "out")
    assert [header for header in record.headers if header in headers] == headers
    assert parse_decision(record.value or b"").notes == []


def test_each_form_of_a_dead_letter_is_smaller_and_says_what_is_missing() -> None:
    event = Event("t", 3, 9, None, bytes(1 << 20), [("own", bytes(1 << 20))])
    forms = [dead_letter_record(event, EVENT_ID, UNREAD, "dlq", form=form) for form in Form]
    assert [record.key for record in forms] == [None, b"t/3/9", b"t/3/9", b"t/3/9"]
    assert [size(record) >> 20 for record in forms] == [2, 2, 1, 0]
    assert [len(read_dead_letter(record).notes) for record in forms] == [0, 1, 2, 3]
    digest = hashlib.sha256(bytes(1 << 20)).hexdigest()
    where = {"topic": "t", "partition": 3, "offset": 9, "bytes": 1 << 20, "sha256": digest}
    assert json.loads(forms[-1].value or b"") == where
    for record in forms:
        found = {name: (held or b"").decode("utf-8", "replace") for name, held in record.headers}
        jsonschema.validate(found, schema("dead_letter_headers.v1"))


@given(
    st.none() | st.binary(max_size=60),
    st.none() | st.binary(max_size=60),
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=()), max_size=20), st.none() | st.binary(max_size=20))
    ),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(Form),
)
def test_an_answer_can_be_made_of_any_record_in_any_form(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], milliseconds: int, form: Form
) -> None:
    event = Event("t", 3, 9, key, value, headers, milliseconds / 1000)
    made = decision(
        event_id=event_id(event, "0" * 64),
        image_id=image_id(event),
        event_time=rfc3339(event.timestamp),
        notes=time_notes(event, 1.7e9),
    )
    jsonschema.validate(json.loads(decision_record(event, made, "out", form).value or b""), schema("decision.v2"))
    letter = read_dead_letter(dead_letter_record(event, made.event_id, UNREAD, "dlq", made.notes, form))
    jsonschema.validate(msgspec.to_builtins(letter), schema("dead_letter.v1"))
    assert letter.reason == "truncated"


DEEP = b"[" * 100_000
"""More arrays in each other than any stack holds, in a field that nobody knows."""


@pytest.mark.parametrize("parse", [parse_audit, parse_claim, parse_decision, parse_review])
@pytest.mark.parametrize(
    "value", [b'{"a":' + DEEP, b'{"a":' + DEEP + b"]" * len(DEEP) + b"}"], ids=["open", "closed"]
)
def test_what_is_nested_too_deep_is_refused_as_any_other_nonsense(
    parse: Callable[[bytes], object], value: bytes
) -> None:
    with pytest.raises(msgspec.DecodeError, match="nested too deep"):
        parse(value)


def test_a_record_of_features_that_is_nested_too_deep_is_refused() -> None:
    map_of_one, array_of_one = b"\x81\xa1a", b"\x91"
    with pytest.raises(msgspec.DecodeError, match="nested too deep"):
        parse_archive_record(map_of_one + array_of_one * 100_000)


def test_an_origin_that_is_nested_too_deep_for_the_stack_that_is_left_says_nothing() -> None:
    said = b'{"a":' + b"[" * (ORIGIN_LIMIT - 10)
    assert origin_of(Event("t", 0, 1, None, b"x", [(ORIGIN_HEADER, said)])) is None
