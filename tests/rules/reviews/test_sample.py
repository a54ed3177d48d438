"""What is drawn to be reviewed: by the event's id alone, as often as it says, and of the allowed alone."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.items import Item
from pipeline.rules.archive.thumbnails import Wanted
from pipeline.rules.decisions import Asked
from pipeline.rules.judging import Judgement
from pipeline.rules.redeciding import decided_anew
from pipeline.rules.reviews.sample import drawn_for_review, in_sample
from pipeline.rules.verdicts import decision
from pipeline.wire import Decision, Event, Match, Verdict
from tests.signals_made import signals
from tests.workers.commands.test_calibrate import normalised

IDS = [sha256(b"%d" % number).hexdigest()[:32] for number in range(20_000)]
WEAPONS = Match("weapons", "v", "block", 0.9, 0.8, "", 0.0)


def made(number: int, share: float, *matches: Match) -> Decision:
    item = Item(Event("t", 0, number, b"k", b"v"))
    return decision(item, signals(normalised(1, 0)), Judgement({}, list(matches), []), "0" * 12, 5.0, share)


def test_as_many_are_drawn_as_it_says() -> None:
    drawn = sum(in_sample(each, 0.05) for each in IDS)
    assert drawn == pytest.approx(1_000, rel=0.15)


@given(st.sampled_from(IDS), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_share_is_a_part_of_a_larger(event: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert not in_sample(event, 0.0)
    assert in_sample(event, 1.0)
    assert in_sample(event, high) or not in_sample(event, low)


@pytest.mark.parametrize("verdict", ["label", "review", "block"])
def test_what_is_acted_on_is_never_drawn(verdict: Verdict) -> None:
    assert not any(drawn_for_review(each, verdict, 1.0) for each in IDS[:10])
    assert all(drawn_for_review(each, "allow", 1.0) for each in IDS[:10])


def test_a_decision_says_so_with_its_chance_and_a_redelivery_says_the_same() -> None:
    decisions = [made(number, 0.3) for number in range(300)]
    drawn = [each for each in decisions if each.review_probability is not msgspec.UNSET]
    assert 50 < len(drawn) < 130
    assert {each.review_probability for each in drawn} == {0.3}
    assert decisions == [made(number, 0.3) for number in range(300)]
    for number in range(20):
        assert made(number, 0.0).review_probability is msgspec.UNSET
        assert made(number, 1.0, WEAPONS).review_probability is msgspec.UNSET


def test_people_are_asked_for_what_was_drawn_and_for_the_verdict_review() -> None:
    to_review = Asked(to_review=True)
    assert to_review.of_policies
    assert to_review.means(made(1, 1.0), 0.0)
    assert not to_review.means(made(1, 0.0), 0.0)
    assert not to_review.means(made(1, 1.0, WEAPONS), 0.0)
    assert to_review.means(made(1, 0.0, msgspec.structs.replace(WEAPONS, action="review")), 0.0)


def test_what_is_drawn_has_a_thumbnail_whichever_are_kept() -> None:
    for wanted in (Wanted("flagged", reviewed=0.5), Wanted("sampled", 0.0, 0.5)):
        for number in range(40):
            found = made(number, 0.5)
            drawn = found.review_probability is not msgspec.UNSET
            assert wanted.is_wanted(found) == drawn
            assert wanted.may_be(found.event_id) or not drawn


def test_decided_anew_it_is_drawn_only_while_it_is_allowed() -> None:
    before, seen = made(1, 1.0), signals(normalised(1, 0))
    assert decided_anew(before, seen, Judgement({}, [], []), "1" * 12, 6.0).review_probability == 1.0
    flagged = decided_anew(before, seen, Judgement({}, [WEAPONS], []), "1" * 12, 6.0)
    assert flagged.review_probability is msgspec.UNSET
