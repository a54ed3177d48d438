"""What holds of every head there is; a new one needs its key in `POLICIES`, and is found in `HEADS`."""

from __future__ import annotations

from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.heads.compiled import HEADS
from pipeline.rules.heads.head import Compile, Head, Opinion, Texts
from pipeline.rules.policies.policy_set import Defaults, Examples, Policy, PolicySet
from pipeline.signals import Signals
from pipeline.wire import Evidence
from tests.known_made import known
from tests.rules.heads.pictures_shown import near, seen, shown
from tests.signals_made import signals

SENTENCES = ("knife", "fork", "beer", "tree")
DIM = 8
WORDS = {
    each: row / np.linalg.norm(row)
    for each, row in zip(SENTENCES, np.random.default_rng(1).normal(size=(4, DIM)).astype(np.float32), strict=True)
}
POLICIES = PolicySet(
    (
        Policy("alcohol", "", ("beer",), {"review": 0.2}, mode="shadow", examples=Examples(shown("0", "1", "2"))),
        Policy("cutlery", "", ("fork",), {"label": 0.5}, mode="off"),
        Policy("weapons", "", ("knife",), {"block": 0.5}, unless=("fork",), lists=known(["sha256"])),
    ),
    Defaults(background=("tree",)),
)
"""Some policies have each head, one that is off as well."""

ASSETS = seen({str(at): near(-WORDS["beer"].astype(np.float64), at, 0.02) for at in range(3)}, DIM)

every_head = pytest.mark.parametrize("compile_head", HEADS)


@cache
def made(compile_head: Compile, bias: float | None = None) -> Head:
    return compile_head(POLICIES, Texts(WORDS, 5.0, bias, ASSETS))


def image(seed: int, views: int) -> Signals:
    rows = np.random.default_rng(seed).normal(size=(views, DIM))
    return signals(rows / np.linalg.norm(rows, axis=1, keepdims=True))


images = st.lists(st.builds(image, st.integers(0, 1000), st.integers(1, 3)), min_size=1, max_size=5)


def told(opinion: Opinion, image: int) -> list[str]:
    return [str(opinion.evidence(image, column)) for column in range(opinion.scores.shape[1])]


@every_head
def test_a_head_judges_active_policies_alone(compile_head: Compile) -> None:
    head = made(compile_head)
    assert head.ids
    assert set(head.ids) <= {"alcohol", "weapons"}


@every_head
@pytest.mark.parametrize("bias", [None, -2.0])
@given(seen=images)
def test_scores_are_from_0_to_1_and_each_has_evidence(
    compile_head: Compile, bias: float | None, seen: list[Signals]
) -> None:
    head = made(compile_head, bias)
    opinion = head.look(seen)
    assert opinion.scores.shape == (len(seen), len(head.ids))
    assert ((opinion.scores >= 0) & (opinion.scores <= 1 + 1e-12)).all()
    said = [opinion.evidence(at, column) for at in range(len(seen)) for column in range(len(head.ids))]
    assert {type(each) for each in said} <= set(get_args(Evidence) or (Evidence,))


@every_head
@given(seen=images)
def test_neither_order_nor_company_changes_anything(compile_head: Compile, seen: list[Signals]) -> None:
    head = made(compile_head)
    alone = [head.look([each]) for each in seen]
    together, backwards = head.look(seen), head.look(seen[::-1])
    for at, opinion in enumerate(alone):
        for found, place in ((together, at), (backwards, len(seen) - 1 - at)):
            assert found.scores[place] == pytest.approx(opinion.scores[0], abs=1e-5)
            assert told(found, place) == told(opinion, 0)


@every_head
def test_a_set_without_active_policies_is_judged_too(compile_head: Compile) -> None:
    head = compile_head(PolicySet(()), Texts({}, 5.0, None))
    assert head.ids == ()
    assert head.look([image(1, 2)]).scores.shape == (1, 0)
