"""In what two decisions on one event differ."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.rules.sameness import ROUNDING, compared
from pipeline.wire import Against, Decision, Match, ModelRef, PromptEvidence, Region
from tests.rules.test_decisions import DECISION

BOX = (0.0, 0.0, 1.0, 1.0)
EVIDENCE = PromptEvidence("a knife", 0.5, Region(0, BOX), Against("a fork", 0.2))
KNIFE = Match("weapons", "0" * 12, "review", 0.7, 0.6, "a knife", 0.5, EVIDENCE)
BEFORE = replace(DECISION, matches=[KNIFE], shadow=[], scores={"weapons": 0.7, "gambling": 0.1})


def changed(**fields: Any) -> Decision:
    return replace(BEFORE, **fields)


def fields(after: Decision) -> list[str]:
    return [each.field for each in compared(BEFORE, after).differences]


def test_a_decision_is_the_same_as_itself_made_at_another_time_or_in_place_of_another() -> None:
    found = compared(BEFORE, changed(decided_at="2027-01-01T00:00:00.000Z", supersedes="0" * 32))
    assert found.same
    assert found.rounding == 0.0


def test_numbers_are_the_same_within_rounding_and_the_greatest_difference_is_told() -> None:
    near = replace(KNIFE, score=0.7 + ROUNDING / 4, evidence=replace(EVIDENCE, share=0.5 - ROUNDING / 2))
    found = compared(BEFORE, changed(matches=[near]))
    assert found.same
    assert found.rounding == pytest.approx(ROUNDING / 2)
    assert fields(changed(scores={"weapons": 0.7 + 2 * ROUNDING, "gambling": 0.1})) == ["scores.weapons"]


@pytest.mark.parametrize(
    ("after", "differing"),
    [
        (changed(verdict="block"), ["verdict"]),
        (changed(matches=[]), ["matches.weapons"]),
        (changed(shadow=[KNIFE]), ["shadow.weapons"]),
        (changed(matches=[replace(KNIFE, action="block")]), ["matches.weapons.action"]),
        (
            changed(matches=[replace(KNIFE, evidence=replace(EVIDENCE, against=None))]),
            ["matches.weapons.evidence.against"],
        ),
        (changed(scores={"weapons": 0.7}), ["scores.gambling"]),
        (changed(model=ModelRef("tiny", "f00d", "bfloat16")), ["model.dtype"]),
        (changed(content_sha256="1" * 64), ["content_sha256"]),
        (changed(notes=["odd"]), ["notes"]),
    ],
)
def test_whatever_else_differs_is_named_by_its_field(after: Decision, differing: list[str]) -> None:
    assert fields(after) == differing


def test_what_either_says_is_told() -> None:
    [found] = compared(BEFORE, changed(matches=[])).differences
    assert found.before["policy"] == "weapons"
    assert found.after == "(absent)"
