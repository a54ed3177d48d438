"""Which reviewed images are kept aside: a third of each kind, the same ones every time, and no copy of another."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lab.reviews.folds import kept_aside


def features(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 32))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def test_a_third_of_each_kind_is_kept_aside_whatever_the_order() -> None:
    names = [f"image-{number}" for number in range(90)]
    shows = np.arange(90) < 30
    flagged = np.arange(90) % 2 == 0
    every = features(90)
    aside = kept_aside(names, every, shows, flagged)
    for kind in (shows & flagged, shows & ~flagged, ~shows & flagged, ~shows & ~flagged):
        assert aside[kind].sum() == kind.sum() // 3
    other = np.random.default_rng(1).permutation(90)
    again = kept_aside([names[at] for at in other], every[other], shows[other], flagged[other])
    assert (again == aside[other]).all()


def test_copies_of_an_image_are_on_one_side() -> None:
    every = np.repeat(features(30), 4, axis=0)
    shows = np.arange(120) < 60
    aside = kept_aside([f"image-{number}" for number in range(120)], every, shows, shows)
    assert aside.any()
    assert (aside.reshape(30, 4).all(axis=1) == aside.reshape(30, 4).any(axis=1)).all()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_few_of_a_kind_are_not_kept_aside_alone(kinds: list[tuple[bool, bool]]) -> None:
    shows, flagged = (np.array(each, bool) for each in zip(*kinds, strict=True))
    aside = kept_aside([str(number) for number in range(len(kinds))], features(len(kinds)), shows, flagged)
    if aside.any():
        assert (aside & shows).sum() >= 3
        assert (aside & ~shows).sum() >= 3
        assert (~aside & shows).any()
        assert (~aside & ~shows).any()
