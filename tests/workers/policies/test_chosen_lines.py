"""Which lines that help are proposed together: none that repeats another, none that harms what is kept aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.suggestions import Change, Effect, Outcome
from workers.policies.suggestions import chosen_of

A, B, C = (Change("prompts", text) for text in ("a fly", "a beetle", "an ant"))
MEANT = dict(zip((A.text, B.text, C.text), np.eye(3, dtype=np.float32), strict=True))
BEFORE = (0.667, 0.4)
"""Precision and recall of the policy as it is."""


def effect(gain: float, precision: float = 0.7, recall: float = 0.5) -> Effect:
    pairs = [
        (Estimate(one, 0, 1), Estimate(other, 0, 1)) for one, other in zip(BEFORE, (precision, recall), strict=True)
    ]
    return Effect(0, 0, round(gain), 0, gain, *pairs)


def chosen(
    outcomes: Mapping[tuple[str, ...], tuple[Effect, Effect | None]], meant: Mapping[str, np.ndarray] = MEANT
) -> tuple[list[Change], Outcome | None]:
    def tell(changes: Sequence[Change]) -> Outcome:
        return Outcome(*outcomes[tuple(each.text for each in changes)])

    return chosen_of([A, B, C], tell, meant)


def test_each_line_that_adds_something_is_proposed() -> None:
    found, together = chosen(
        {
            ("a fly",): (effect(3), effect(1)),
            ("a fly", "a beetle"): (effect(2), effect(9)),
            ("a fly", "an ant"): (effect(5), effect(2)),
        }
    )
    assert found == [A, C]
    assert together == Outcome(effect(5), effect(2))


def test_a_line_is_not_proposed_where_a_figure_of_what_was_kept_aside_falls() -> None:
    """It is right more often there, and yet more of what it flags is wrong: 66.7 before, 62.5 after."""
    for worse in (effect(1, precision=0.625), effect(1, recall=0.3), effect(-1)):
        found, together = chosen({("a fly",): (effect(3), worse)})
        assert found == []
        assert together == Outcome(effect(3), worse), "why is told"


def test_nor_is_one_that_takes_back_there_what_those_before_it_gave() -> None:
    found, together = chosen(
        {
            ("a fly",): (effect(3), effect(2, precision=0.8)),
            ("a fly", "a beetle"): (effect(5), effect(3, precision=0.7)),
        }
    )
    assert (found, together) == ([A], Outcome(effect(3), effect(2, precision=0.8)))


def test_nor_is_one_that_is_the_same_to_the_model_as_one_before_it() -> None:
    same = {**MEANT, B.text: MEANT[A.text]}
    found, _ = chosen({("a fly",): (effect(3), None), ("a fly", "an ant"): (effect(5), None)}, same)
    assert found == [A, C]


def test_what_has_no_precision_yet_has_none_that_falls() -> None:
    nothing = Estimate(float("nan"), 0, 1)
    first = Effect(0, 0, 2, 0, 2.0, (nothing, Estimate(0.5, 0, 1)), (Estimate(0, 0, 1), Estimate(0.5, 0, 1)))
    assert not first.harms
