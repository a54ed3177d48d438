"""In which order people are shown what they should look at, and what of it somebody has looked at already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import inf, log
from typing import TypeVar

from pipeline.wire import Review

T = TypeVar("T")
NO_THRESHOLD = (0.5,)
_LEAST = 1e-9
"""Scores nearer than that to 0 or 1 are all as sure."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Every how many images one was drawn of the allowed, and one has a known answer. 0: none."""

    drawn_every: int = 5
    golden_every: int = 20


def margin(score: float, thresholds: Collection[float]) -> float:
    """How far a score is from the nearest threshold, in log odds: who is least sure has the least.

    By odds and not by scores, since those of a model such as CLIP crowd near 0 and 1.
    """
    return min((abs(_log_odds(score) - _log_odds(each)) for each in thresholds), default=inf)


def mixed(uncertain: Sequence[T], drawn: Sequence[T], golden: Sequence[T], mix: Mix) -> Iterator[T]:
    """One after the other, with the others among the uncertain ones where the mix says; each in its own order.

    Where the uncertain ones end, those that were drawn go on. Golden ones are never alone: they would be known by it.
    """
    main, other, known = (iter(each) for each in (uncertain, drawn, golden))
    at, ended = 0, object()
    while True:
        at += 1
        found: object = ended
        if mix.golden_every and at % mix.golden_every == 0:
            found = next(known, ended)
        elif mix.drawn_every and at % mix.drawn_every == 0:
            found = next(other, ended)
        if found is ended:
            found = next(main, ended)
        if found is ended:
            found = next(other, ended)
        if found is ended:
            return
        yield found  # type: ignore[misc]  # it is what one of them held


def in_turn(event_id: str, seed: str = "") -> str:
    """By what those that were drawn are sorted: by chance, and alike for all who ask with that seed.

    Not by score. People get through a part of them, and that part must be a fair one for the rest.
    """
    return sha256(f"{seed}/{event_id}".encode()).hexdigest()


class Answered:
    """Which questions have an answer: a policy of an event, or of an image where a review names that alone."""

    def __init__(self, reviews: Iterable[Review]) -> None:
        self._events: set[tuple[str, str]] = set()
        self._images: set[tuple[str, str]] = set()
        for review in reviews:
            self.add(review)

    def add(self, review: Review) -> None:
        if review.event_id:
            self._events.add((review.event_id, review.policy))
        else:
            self._images.add((review.image_id, review.policy))

    def has(self, event: str, image: str, policy: str) -> bool:
        return (event, policy) in self._events or (image, policy) in self._images


def agreed(reviews: Iterable[Review], reviewer: str, least: int = 2) -> dict[str, dict[str, Review]]:
    """The last review of what so many people or more say alike, and nobody otherwise, by event and policy.

    Only of what `reviewer` has not judged, and of reviews that name an event and a person: known answers, by which
    may be seen how well a person judges. The last word of each person counts.
    """
    found: dict[str, dict[str, Review]] = {}
    for (event, policy), by in _last_words(reviews).items():
        labels = {each.label for each in by.values()}
        if reviewer not in by and len(by) >= least and len(labels) == 1 and "unsure" not in labels:
            found.setdefault(event, {})[policy] = list(by.values())[-1]
    return found


def as_others(reviews: Iterable[Review], reviewer: str, least: int = 2) -> tuple[int, int]:
    """How well a person judges: how often they say what others do, and how often that can be told.

    It can where so many others or more say yes or no, and all of them alike, and the person is sure, too.
    """
    right = told = 0
    for by in _last_words(reviews).values():
        own = by.pop(reviewer, None)
        labels = {each.label for each in by.values()}
        if own is None or own.label == "unsure" or len(by) < least or len(labels) != 1 or "unsure" in labels:
            continue
        told += 1
        right += own.label in labels
    return right, told


def _last_words(reviews: Iterable[Review]) -> dict[tuple[str, str], dict[str, Review]]:
    """What each person said last of each policy of an event, in the order of their words."""
    said: dict[tuple[str, str], dict[str, Review]] = {}
    for review in sorted(reviews, key=lambda each: each.at):
        if review.event_id and review.reviewer:
            by = said.setdefault((review.event_id, review.policy), {})
            by.pop(review.reviewer, None)
            by[review.reviewer] = review
    return said


def thresholds_of(actions: Mapping[str, Mapping[str, float]], policy: str) -> Collection[float]:
    """Those of a policy, of the actions of every policy."""
    return actions.get(policy, {}).values() or NO_THRESHOLD


def _log_odds(score: float) -> float:
    share = min(max(score, _LEAST), 1 - _LEAST)
    return log(share / (1 - share))
