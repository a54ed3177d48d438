"""From every review to what counts: for each image and policy the last one, and where reviewers differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.wire import Label, Review

_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The review of an image under a policy that counts."""

    image: str
    """The image id; empty where the review names an event alone."""
    event: str
    """The event id; empty where the review names an image alone."""
    label: Label
    weight: float
    """How many images like it the review stands for: one over the chance with which it was chosen."""


@dataclass(frozen=True, slots=True)
class PolicyReviews:
    """What was said under one policy."""

    labels: tuple[Labelled, ...]
    """One for each image, `unsure` among them, in the order of their first reviews."""
    replaced: int = 0
    """Reviews that a later one of the same image put aside."""
    by_several: int = 0
    """Images that two reviewers or more judged with yes or no."""
    disputed: int = 0
    """Those of `by_several` on which the last words of two reviewers differ."""

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
    said: dict[str, dict[str, list[Review]]] = {}
    seen: set[tuple[str, ...]] = set()
    for review in reviews:
        same = review.review_id, review.policy, review.image_id, review.event_id
        if same in seen:
            continue
        seen.add(same)
        subject = f"image {review.image_id}" if review.image_id else f"event {review.event_id}"
        said.setdefault(review.policy, {}).setdefault(subject, []).append(review)
    return {policy: _settled(by_subject) for policy, by_subject in sorted(said.items())}


def _settled(by_subject: Mapping[str, list[Review]]) -> PolicyReviews:
    labels, replaced, by_several, disputed = [], 0, 0, 0
    for reviews in by_subject.values():
        reviews.sort(key=_time)
        last = reviews[-1]
        labels.append(Labelled(last.image_id, last.event_id, last.label, 1 / last.inclusion_probability))
        replaced += len(reviews) - 1
        words = {each.reviewer or f"#{at}": each.label for at, each in enumerate(reviews)}
        judged = [label for label in words.values() if label != "unsure"]
        if len(judged) > 1:
            by_several += 1
            disputed += len(set(judged)) > 1
    return PolicyReviews(tuple(labels), replaced, by_several, disputed)


def _time(review: Review) -> datetime:
    try:
        at = datetime.fromisoformat(review.at)
    except ValueError:
        return _NO_TIME
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
