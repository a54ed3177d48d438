"""From every review to what counts: for each image and policy the last one, and where reviewers differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain

from pipeline.rules.times import in_utc
from pipeline.wire import LEAST_CHANCE, Label, Review

_NO_TIME = datetime.min.replace(tzinfo=UTC)

Said = tuple[datetime, int, Review]
"""A review with when it was given, and as which of all: the greater counts."""


@dataclass(frozen=True)
class Labelled:
    """The review of an image under a policy that counts."""

    image: str
    """The image id; empty where the review names an event alone."""
    event: str
    """The event id; empty where the review names an image alone."""
    label: Label
    weight: float
    """How many images like it the review stands for: one over the chance with which it was chosen."""
    said: tuple[Said, ...] = field(default=(), compare=False, repr=False)
    """All reviews of the image, the one that counts last."""

    @cached_property
    def judged(self) -> list[Label]:
        """The last word of each reviewer that was yes or no. Who gives no name is one of their own."""
        words = {each.reviewer or f"#{at}": each.label for at, (_, _, each) in enumerate(self.said)}
        return [label for label in words.values() if label != "unsure"]


@dataclass(frozen=True, slots=True)
class PolicyReviews:
    """What was said under one policy."""

    labels: tuple[Labelled, ...]
    """One for each image, `unsure` among them, in the order of their first reviews."""

    @property
    def replaced(self) -> int:
        """Reviews that a later one of the same image put aside."""
        return sum(max(0, len(each.said) - 1) for each in self.labels)

    @property
    def by_several(self) -> int:
        """Images that two reviewers or more judged with yes or no."""
        return sum(len(each.judged) > 1 for each in self.labels)

    @property
    def disputed(self) -> int:
        """Those of `by_several` on which the last words of two reviewers differ."""
        return sum(len(set(each.judged)) > 1 for each in self.labels)

    @property
    def unsure(self) -> int:
        """Images whose last review is no judgement."""
        return sum(each.label == "unsure" for each in self.labels)


def settle(reviews: Iterable[Review]) -> dict[str, PolicyReviews]:
    """What was said under each policy, by its id.

    The last review counts by its time ``at``; of two with the same time, or none that can be read, the one that comes
    later here. Reviews that name no reviewer are each of a reviewer of their own, as far as differing goes. A review
    that is there already, with the same id, is left out.
    """
    said: dict[str, dict[str, list[Said]]] = {}
    seen: set[tuple[str, ...]] = set()
    for number, review in enumerate(reviews):
        same = review.review_id, review.policy, review.image_id, review.event_id
        if same in seen:
            continue
        seen.add(same)
        subject = f"image {review.image_id}" if review.image_id else f"event {review.event_id}"
        of_image = said.setdefault(review.policy, {}).setdefault(subject, [])
        of_image.append((_time(review), number, review))
    return {
        policy: PolicyReviews(tuple(_settled(each) for each in by_subject.values()))
        for policy, by_subject in sorted(said.items())
    }


def joined(labels: Collection[Labelled]) -> Labelled:
    """The one that counts of labels that turned out to be of one image, such as by its id and by its event's."""
    if len(labels) == 1:
        return next(iter(labels))
    return _settled(chain.from_iterable(each.said for each in labels))


def _settled(reviews: Iterable[Said]) -> Labelled:
    said = tuple(sorted(reviews, key=lambda each: each[:2]))
    last = said[-1][2]
    # An archive may keep reviews from before there was a least chance: they must not outweigh all others.
    weight = 1 / max(last.inclusion_probability, LEAST_CHANCE)
    return Labelled(last.image_id, last.event_id, last.label, weight, said)


def _time(review: Review) -> datetime:
    try:
        return in_utc(review.at)
    except ValueError:
        return _NO_TIME
