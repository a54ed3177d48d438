"""The last review of an image and policy counts, whoever comes in which order; reviewers who differ are told."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.reviews.settled import settle
from pipeline.wire import Review

_NUMBERS = count()


def review(label: str, at: str = "", **said: object) -> Review:
    fields = {"review_id": str(next(_NUMBERS)), "event_id": "", "image_id": "a", "policy": "weapons"} | said
    return Review(label=label, at=at, **fields)  # type: ignore[arg-type]


class TestTheLastReview:
    def test_counts_by_its_time_and_not_by_its_place(self) -> None:
        late, early = review("no", "2026-03-02T10:00:00Z"), review("yes", "2026-03-02T10:30:00+02:00")
        (label,) = settle([late, early])["weapons"].labels
        assert label.label == "no"
        assert settle([late, early])["weapons"].replaced == 1

    def test_without_a_time_the_later_one_counts_and_any_time_is_later_than_none(self) -> None:
        assert settle([review("yes"), review("no")])["weapons"].labels[0].label == "no"
        assert settle([review("yes", "2026-03-02"), review("no", "soon")])["weapons"].labels[0].label == "yes"

    def test_brings_its_own_chance(self) -> None:
        reviews = [review("yes", inclusion_probability=1.0), review("yes", inclusion_probability=0.25)]
        assert settle(reviews)["weapons"].labels[0].weight == 4.0

    def test_stands_for_a_billion_images_at_most_however_small_its_chance(self) -> None:
        for chance in (1e-160, 1e-320):
            assert settle([review("yes", inclusion_probability=chance)])["weapons"].labels[0].weight == pytest.approx(
                1e9
            )

    def test_policies_and_images_are_apart_from_each_other(self) -> None:
        found = settle([review("yes"), review("no", policy="gore"), review("no", image_id="", event_id="a")])
        assert [label.label for label in found["weapons"].labels] == ["yes", "no"]
        assert len(found["gore"].labels) == 1

    @given(st.permutations(range(8)))
    def test_their_order_changes_nothing_where_times_differ(self, order: list[int]) -> None:
        every = [
            review(
                "yes" if number % 3 else "unsure",
                f"2026-03-0{number + 1}T00:00:00Z",
                image_id=f"{number % 2}",
                reviewer=f"{number % 3}",
            )
            for number in range(8)
        ]
        one, other = settle(every)["weapons"], settle([every[at] for at in order])["weapons"]
        assert sorted(one.labels, key=str) == sorted(other.labels, key=str)
        assert (one.replaced, one.by_several, one.disputed) == (other.replaced, other.by_several, other.disputed)


class TestReviewersWhoDiffer:
    def test_are_counted_by_their_last_words(self) -> None:
        changed_their_mind = [
            review("yes", reviewer="ann"),
            review("no", reviewer="ann"),
            review("no", reviewer="bob"),
        ]
        found = settle(changed_their_mind)["weapons"]
        assert (found.by_several, found.disputed) == (1, 0)
        found = settle([*changed_their_mind, review("yes", reviewer="bob")])["weapons"]
        assert (found.by_several, found.disputed) == (1, 1)

    def test_who_is_unsure_does_not_differ(self) -> None:
        found = settle([review("unsure", reviewer="ann"), review("no", reviewer="bob")])["weapons"]
        assert (found.by_several, found.disputed, found.unsure) == (0, 0, 0)
        assert settle([review("unsure")])["weapons"].unsure == 1

    def test_reviews_without_a_name_are_of_several(self) -> None:
        found = settle([review("yes"), review("no")])["weapons"]
        assert (found.by_several, found.disputed) == (1, 1)
