"""What travels to the archive: schemas and structs describe the same bytes, and any bytes are read or refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry, Resource

from pipeline.rules.archive.remembered import remembered
from pipeline.wire import (
    LEAST_CHANCE,
    ArchiveRecord,
    FeaturesRecord,
    PolicySetPart,
    PolicySetRecord,
    Review,
    archive_record_bytes,
    parse_archive_record,
    parse_review,
    review_json,
)
from tests.signals_made import signals
from tests.test_wire import decision, schema

SET = PolicySetRecord(version="0123456789ab", files={"a.yaml": b"\xff"}, live_at="2026-01-01T00:00:00.000Z")
PART = PolicySetPart(digest="0" * 64, files={"b.yaml": b"\xff"})
WHOLE = remembered(
    decision(),
    signals(np.eye(4)[:2], frames=2),
    background="0" * 16,
    background_lse=np.zeros(2, np.float32),
    subject="ann",
    thumbnail=b"RIFF....WEBP",
)
BARE = remembered(decision(), signals(np.eye(4)[:1]))
REVIEW = Review(review_id="r", event_id="e", policy="weapons", label="yes", at="2026-01-01T00:00:00.000Z")


def validate(value: dict[str, Any]) -> None:
    decisions = Resource.from_contents(schema("decision.v2"))
    registry: Any = Registry().with_resource("sluice.decision.v2", decisions)
    jsonschema.Draft202012Validator(schema("features.v1"), registry=registry).validate(value)


@pytest.mark.parametrize("record", [SET, PART, WHOLE, BARE], ids=["policy set", "part", "whole", "bare"])
def test_a_record_is_what_the_schema_says_and_survives(record: ArchiveRecord) -> None:
    value = archive_record_bytes(record)
    validate(msgspec.msgpack.decode(value))
    assert parse_archive_record(value) == record


@pytest.mark.parametrize(
    ("kind", "name"),
    [(FeaturesRecord, "features"), (PolicySetRecord, "policy_set"), (PolicySetPart, "policy_set_part")],
)
def test_the_schema_names_the_very_fields_and_which_of_them_are_bytes(kind: Any, name: str) -> None:
    described = schema("features.v1")["$defs"][name]
    fields = msgspec.structs.fields(kind)
    assert set(described["properties"]) == {"kind", *(field.name for field in fields)}
    assert set(described["required"]) == {"kind", "schema", *(field.name for field in fields if field.required)}
    of_bytes = {field.name for field in fields if field.type in (bytes, bytes | None)}
    assert of_bytes == {each for each, said in described["properties"].items() if "x-bytes" in said}


LESS = msgspec.structs.replace(REVIEW, inclusion_probability=0.25, reviewer="ben", image_id="i")
LEAST = msgspec.structs.replace(REVIEW, inclusion_probability=LEAST_CHANCE)


@pytest.mark.parametrize("review", [REVIEW, LESS, LEAST], ids=["plain", "chosen by chance", "chosen hardly ever"])
def test_a_review_is_what_the_schema_says_and_survives(review: Review) -> None:
    jsonschema.validate(json.loads(review_json(review)), schema("review.v1"))
    assert parse_review(review_json(review)) == review


def test_the_schema_names_the_very_fields_of_a_review() -> None:
    described, fields = schema("review.v1"), msgspec.structs.fields(Review)
    assert set(described["properties"]) == {field.name for field in fields}
    assert set(described["required"]) == {field.name for field in fields if field.required}


@pytest.mark.parametrize("chance", [0, -0.1, 1e-10, 1.01, "x"])
def test_a_review_of_an_image_that_could_not_have_been_chosen_is_refused(chance: object) -> None:
    value = json.loads(review_json(REVIEW)) | {"inclusion_probability": chance}
    with pytest.raises(msgspec.DecodeError, match="inclusion_probability"):
        parse_review(json.dumps(value).encode())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, schema("review.v1"))


def test_a_review_that_says_the_least_is_read() -> None:
    value = {name: getattr(REVIEW, name) for name in schema("review.v1")["required"]}
    assert parse_review(json.dumps(value).encode()) == REVIEW


def test_fields_that_only_a_newer_release_knows_are_left_out() -> None:
    newer = msgspec.msgpack.decode(archive_record_bytes(WHOLE)) | {"hashes": b"\0"}
    assert parse_archive_record(msgspec.msgpack.encode(newer)) == WHOLE


@given(st.binary(max_size=300))
def test_bytes_that_are_no_record_are_refused_in_words(value: bytes) -> None:
    for read in (parse_archive_record, parse_review):
        with pytest.raises(msgspec.DecodeError):
            read(value)


def test_a_decision_that_replaces_none_says_nothing_of_it() -> None:
    replacing = msgspec.structs.replace(decision(), supersedes="0" * 32)
    records = [msgspec.structs.replace(BARE, decision=each) for each in (decision(), replacing)]
    values = [msgspec.msgpack.decode(archive_record_bytes(each)) for each in records]
    assert ["supersedes" in each["decision"] for each in values] == [False, True]
    assert [parse_archive_record(archive_record_bytes(each)) for each in records] == records
    for value in values:
        validate(value)
