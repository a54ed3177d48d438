"""The queue of a stream without an archive, who has what of it in hand, and how well a person judges."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.rules.reviews.leases import Held
from pipeline.rules.reviews.queueing import as_others
from pipeline.rules.reviews.streamed import of_interest, streamed
from pipeline.rules.reviews.waiting import Wanted
from pipeline.wire import Decision, Label, Match, Review
from tests.archive.made import decision, some_signals

WANTED = Wanted("ann", {"weapons": {"review": 0.5, "block": 0.9}}, drawn=0.01)
SIGNALS = some_signals(1, np.random.default_rng(0))


def flagged(number: int, score: float) -> Decision:
    found = Match("weapons", "v", "review", score, 0.5, "", 0.0)
    return decision(number, SIGNALS, verdict="review", matches=[found], scores={"weapons": score})


def said(event: str, reviewer: str, label: Label) -> Review:
    at = "2026-09-21T12:00:00.000Z"
    return Review(review_id=reviewer + label, event_id=event, policy="weapons", label=label, reviewer=reviewer, at=at)


def test_the_least_sure_come_first_the_same_bytes_once_and_a_later_decision_counts() -> None:
    again = replace(flagged(1, 0.7), content_sha256=flagged(0, 0.51).content_sha256)
    freed = replace(flagged(3, 0.6), verdict="allow", matches=[])
    found = streamed([flagged(0, 0.51), again, flagged(2, 0.6), flagged(3, 0.6), freed], WANTED, [])
    assert [each.decision.image_id for each in found] == ["image-0", "image-2"]
    assert [len(each.alike) for each in found] == [1, 0]


def test_drawn_ones_say_their_chance_and_golden_ones_their_answer() -> None:
    drawn = decision(5, SIGNALS, review_probability=0.02, scores={"weapons": 0.1})
    assert of_interest(drawn)
    assert of_interest(decision(6, SIGNALS, supersedes="1"))
    assert not of_interest(decision(6, SIGNALS))
    known = flagged(0, 0.6)
    reviews = [said(known.event_id, who, "yes") for who in ("bob", "cay")]
    stream = [known, drawn, *(flagged(number, 0.6) for number in range(10, 40))]
    kinds = {each.kind: each for each in streamed(stream, WANTED, reviews)}
    assert kinds["drawn"].inclusion_probability == 0.02
    assert kinds["golden"].known["weapons"].label == "yes"


def test_a_person_is_measured_where_two_others_agree() -> None:
    others = [said(event, who, "yes") for event in ("a", "b", "c") for who in ("bob", "cay")]
    own = [said("a", "ann", "yes"), said("b", "ann", "no"), said("c", "ann", "unsure"), said("d", "ann", "yes")]
    assert as_others([*others, *own, said("d", "bob", "yes")], "ann") == (1, 2)


@given(st.lists(st.tuples(st.sampled_from("ar"), st.sets(st.integers(0, 4), min_size=1), st.floats(0, 20))))
def test_no_two_people_hold_the_same(taken: list[tuple[str, set[int], float]]) -> None:
    leases, held, now = Held(), dict[str, tuple[str, float]](), 0.0
    for who, numbers, passed in taken:
        now += passed
        things = [str(each) for each in numbers]
        free = all(held.get(each, (who, 0.0))[0] == who or held[each][1] <= now for each in things)
        assert leases.take(things, who, 30.0, now) is free
        if free:
            held |= dict.fromkeys(things, (who, now + 30.0))
