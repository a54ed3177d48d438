"""A store's refusals are the objects' own while it gives others, and the store's when it gives none."""

from __future__ import annotations

from pipeline.rules.flow.denials import MOST, Denials


def test_who_has_never_been_given_anything_is_refused_as_such() -> None:
    denials = Denials()
    assert [denials.denied() for _ in range(3)] == [False] * 3


def test_refusals_between_gifts_are_the_objects_own() -> None:
    denials = Denials()
    for _ in range(100):
        denials.answered()
        assert [denials.denied() for _ in range(MOST)] == [True] * MOST


def test_a_run_of_refusals_is_the_stores_until_it_gives_again() -> None:
    denials = Denials()
    denials.answered()
    for _ in range(MOST):
        denials.denied()
    assert not denials.denied()
    denials.answered()
    assert denials.denied()
