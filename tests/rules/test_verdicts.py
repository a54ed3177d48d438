"""A decision says what was decided on which event, and all that it was made by."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np

from pipeline.items import Item
from pipeline.rules.heads import compile_policies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.rules.verdicts import decision
from pipeline.signals import Provenance
from pipeline.wire import Claim, Decision, Event, ModelRef, SourceRef, decision_id, decision_json, parse_decision
from tests.signals_made import signals

KNIFE, TREE = np.eye(2, dtype=np.float32)
MADE_BY = Provenance(ModelRef("small", "f" * 16, "float32"), "fast-64")
SET = "0123456789ab"
POLICIES = PolicySet(
    (
        Policy("blades", "Blades", ("knife",), {"label": 0.5}, mode="shadow", version=SET),
        Policy("weapons", "Weapons", ("knife",), {"block": 0.9}, version=SET),
    ),
    Defaults(background=("tree",)),
)
COMPILED = compile_policies(POLICIES, {"knife": KNIFE, "tree": TREE}, 20.0, None)


def event(**changed: object) -> Event:
    values = {"key": b"cat.jpg", "value": b"...", "timestamp": 1_700_000_000.5} | changed
    return Event("images", 2, 7, **values)  # type: ignore[arg-type]


def made(item: Item, now: float = 1_700_000_001.0) -> Decision:
    image = signals([TREE, KNIFE, TREE], MADE_BY, frames=3)
    (judgement,) = judge([image], COMPILED)
    return decision(item, image, judgement, SET, now)


def test_it_tells_the_event_the_image_and_what_made_it() -> None:
    item = Item(event(), content_sha256="c" * 64, notes=("truncated",))
    found = made(item)
    assert (found.event_id, found.image_id, found.content_sha256) == (item.event_id, "cat.jpg", "c" * 64)
    assert found.decision_id == decision_id(item.event_id, SET, "f" * 16)
    assert found.source == SourceRef("images", 2, 7)
    assert (found.model, found.preprocess, found.frames) == (MADE_BY.model, "fast-64", 3)
    assert (found.event_time, found.decided_at) == ("2023-11-14T22:13:20.500Z", "2023-11-14T22:13:21.000Z")
    assert found.notes == ["truncated"]


def test_it_says_how_many_frames_had_no_room() -> None:
    image = replace(signals([TREE, KNIFE], MADE_BY, frames=2), unseen=7)
    item = Item(event(), content_sha256="c" * 64)
    (judgement,) = judge([image], COMPILED)
    found = decision(item, image, judgement, SET, 1_700_000_001.0)
    assert found.notes == ["7 frames unlike the 2 that were looked at had no room in max_views"]


def test_it_holds_the_judgement_with_shadow_apart() -> None:
    found = made(Item(event(), content_sha256="c" * 64))
    assert (found.verdict, found.policy_set) == ("block", SET)
    assert [(each.policy, each.action, each.threshold) for each in found.matches] == [("weapons", "block", 0.9)]
    assert [(each.policy, each.action) for each in found.shadow] == [("blades", "label")]
    assert set(found.scores) == {"blades", "weapons"}
    (match,) = found.matches
    assert match.evidence is not None
    assert (match.evidence.prompt, match.evidence.view.frame) == ("knife", 1)


def test_another_event_or_another_model_is_another_decision() -> None:
    one, other = made(Item(event())), made(Item(event(value=b"other")))
    assert one.event_id != other.event_id
    assert one.decision_id != other.decision_id
    image = signals([TREE], Provenance(ModelRef("small", "e" * 16, "float32"), "fast-64"))
    again = decision(Item(event()), image, judge([image], COMPILED)[0], SET, 0.0)
    assert again.event_id == one.event_id
    assert again.decision_id != one.decision_id


def test_the_image_of_a_claim_check_is_called_what_the_claim_calls_it() -> None:
    assert made(Item(event(key=None), claim=Claim("https://here/cat", "c" * 64, "my cat"))).image_id == "my cat"


def test_a_time_that_cannot_be_is_noted() -> None:
    assert any("time" in note for note in made(Item(event(timestamp=9e12))).notes)


def test_it_fits_its_schema_and_reads_back_the_same() -> None:
    found = made(Item(event(), content_sha256="c" * 64))
    schema = json.loads(files("pipeline.schemas").joinpath("decision.v2.json").read_text())
    jsonschema.validate(json.loads(decision_json(found)), schema)
    assert parse_decision(decision_json(found)) == found


def test_evidence_adds_little_to_a_decision() -> None:
    item = Item(event(), content_sha256="c" * 64)
    found = json.loads(decision_json(made(item)))
    assert all(len(json.dumps(match.pop("evidence"))) < 250 for match in found["matches"] + found["shadow"])
