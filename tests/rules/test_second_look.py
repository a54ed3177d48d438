"""A second look: who is suspected, by whose policies, and from which score on closer views count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.images.views import views
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Defaults, Mode, Policy, PolicySet
from pipeline.rules.second_look import NEAR, suspects, turned
from pipeline.signals import Closer, Signals
from tests.signals_made import MADE_BY, signals, whole

AT = dict(zip(("knife", "beer", "tree"), np.eye(3, dtype=np.float32), strict=True))
LOWEST = 0.5


def compiled(weapons: Mode = "enforce", alcohol: Mode = "enforce") -> CompiledPolicies:
    policies = (
        Policy("alcohol", "", ("beer",), {"review": LOWEST}, mode=alcohol),
        Policy("weapons", "", ("knife",), {"block": LOWEST}, mode=weapons),
    )
    return compile_policies(PolicySet(policies, Defaults(background=("tree",))), AT, 20.0, None)


def between(first: str, other: str, share: float) -> np.ndarray:
    row = share * AT[first] + (1 - share) * AT[other]
    return np.asarray(row / np.linalg.norm(row), np.float32)


def looked_again(first: Signals, rows: np.ndarray, bar: float) -> Signals:
    features = np.asarray(rows, np.float32)
    turns = (None,) * (len(features) - 1)
    closer = Closer(features, whole(len(features)), MADE_BY, turned=("90", *turns), bar=bar)
    return replace(first, closer=closer)


rows = st.lists(
    st.builds(between, st.sampled_from(["knife", "beer"]), st.just("tree"), st.floats(0, 1)), min_size=1, max_size=3
)


@given(st.lists(rows, min_size=1, max_size=5))
def test_who_is_suspected_is_below_every_threshold_and_near_one_whatever_the_company(found: list[list]) -> None:
    """Sentences are so far apart here that one of them always describes the picture, unless two do equally."""
    images = [signals(np.stack(each)) for each in found]
    told = suspects(images, compiled())
    for at, image in enumerate(images):
        (judgement,) = judge([image], compiled())
        best = max(judgement.scores.values())
        assert (at in told) == (NEAR * LOWEST <= best < LOWEST)
        assert suspects([image], compiled()) == ({0: told[at]} if at in told else {})


def test_what_no_sentence_describes_is_suspected_and_of_its_views_the_nearest_is_named() -> None:
    never = [replace(policy, actions={"block": 0.999}) for policy in compiled().policies]
    high = replace(compiled().policy_set, policies=tuple(never))
    assert suspects([signals([AT["tree"]])], compiled()) == {}
    assert suspects([signals([AT["tree"], between("knife", "tree", 0.45)])], compiled()) == {0: 1}
    lines = tuple(f"thing {number}" for number in range(4))
    many = replace(high, defaults=Defaults(background=lines))
    unsure = compile_policies(many, AT | dict.fromkeys(lines, AT["tree"]), 20.0, None)
    assert suspects([signals([AT["tree"]])], compile_policies(high, AT, 20.0, None)) == {}
    assert suspects([signals([AT["tree"]])], unsure) == {0: 0}
    assert (
        suspects([signals([AT["tree"]])], compile_policies(many, AT | dict.fromkeys(lines, AT["tree"]), 20.0, -9.0))
        == {}
    )


def test_policies_in_shadow_bring_no_suspicion_and_allay_none() -> None:
    near_weapons = signals([between("knife", "tree", 0.45)])
    assert suspects([near_weapons], compiled()) == {0: 0}
    assert suspects([near_weapons], compiled(weapons="shadow")) == {}
    beer_too = signals([between("knife", "tree", 0.45), between("beer", "tree", 0.6)])
    assert suspects([beer_too], compiled()) == {}
    assert suspects([beer_too], compiled(alcohol="shadow")) == {0: 0}
    assert suspects([near_weapons], compiled("shadow", "shadow")) == suspects([], compiled()) == {}


@given(rows, rows, st.sampled_from([0.2, 0.9, 0.97]))
def test_closer_views_count_from_threshold_and_bar_on_and_lower_no_score(
    first: list, closer: list, bar: float
) -> None:
    image = signals(np.stack(first))
    (before,) = judge([image], compiled())
    (alone,) = judge([signals(np.stack(closer))], compiled())
    (after, neighbour) = judge([looked_again(image, np.stack(closer), bar), image], compiled())
    assert neighbour == before
    for policy, score in before.scores.items():
        counts = alone.scores[policy] >= max(LOWEST, bar)
        assert after.scores[policy] == pytest.approx(max(score, alone.scores[policy]) if counts else score, abs=2e-6)


def test_evidence_tells_how_the_view_was_turned_and_only_of_what_counted() -> None:
    image = looked_again(signals([between("beer", "tree", 0.9)]), np.stack([AT["knife"], AT["tree"]]), 0.9)
    (found,) = judge([image], compiled())
    turns = {match.policy: match.evidence and match.evidence.view.turned for match in found.matches}
    assert turns == {"weapons": "90", "alcohol": None}


def test_a_turned_view_turned_back_is_the_view() -> None:
    view = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    clockwise = turned(view, "90")
    assert clockwise is not None
    assert (clockwise[0] == view[::-1, 0]).all()
    back = turned(clockwise, "270")
    assert back is not None
    assert (back == view).all()


def test_a_model_that_is_not_square_sees_no_quarter_turns() -> None:
    view = np.zeros((4, 6, 3), np.uint8)
    assert [turned(view, how) is None for how in ("90", "180", "270", "mirrored")] == [True, False, True, False]


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_tiles_lie_inside_the_still_and_reach_all_its_edges(width: int, height: int) -> None:
    boxes = [piece.box for (piece,) in views((width, height), (64, 64), "shortest", "tiles")]
    assert len(boxes) == 9
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    assert (min(lefts), min(tops)) == (0, 0)
    assert max(rights) == pytest.approx(width)
    assert max(bottoms) == pytest.approx(height)
    assert all(left < right and top < bottom for left, top, right, bottom in boxes)
