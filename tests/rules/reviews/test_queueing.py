"""In which order people are shown images, as rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.reviews.queueing import Mix, margin, mixed
from pipeline.rules.reviews.sample import highest_digits, in_sample

many = st.integers(0, 40)
mixes = st.builds(Mix, st.integers(0, 6), st.integers(0, 6))


@given(many, many, many, mixes)
def test_all_that_is_sent_or_drawn_comes_once_and_golden_ones_are_never_more_than_one_in_so_many(
    sent: int, drawn: int, golden: int, mix: Mix
) -> None:
    kinds = [[(kind, at) for at in range(count)] for kind, count in (("s", sent), ("d", drawn), ("g", golden))]
    found = list(mixed(*kinds, mix))
    for kind, every in zip("sd", kinds[:2], strict=True):
        assert [each for each in found if each[0] == kind] == every
    assert sum(kind == "g" for kind, _ in found) <= (len(found) // mix.golden_every if mix.golden_every else 0)


@given(st.floats(0, 1), st.floats(0.001, 0.999))
def test_nothing_is_less_sure_than_a_score_at_a_threshold(score: float, threshold: float) -> None:
    assert margin(threshold, [0.0001, threshold]) == 0 <= margin(score, [threshold])


@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.floats(0, 1))
def test_what_is_left_out_by_its_first_digits_is_not_in_the_sample(event: str, share: float) -> None:
    assert not in_sample(event, share) or event[:8] <= highest_digits(share)
