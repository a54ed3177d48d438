"""What a person said of an image of the queue, as reviews: ready to be published, or to be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pipeline.ports import RecordWriter
from pipeline.rules.reviews.recording import identified, review_record
from pipeline.rules.reviews.waiting import Waiting
from pipeline.wire import LEAST_CHANCE, Label, Review


def given(of: Waiting, labels: Mapping[str, Label], reviewer: str, at: str) -> list[Review]:
    """A review of each labelled policy, of the image and of those that are nearly the same; `at` is RFC 3339."""
    return [
        identified(
            Review(
                review_id="",
                event_id=decision.event_id,
                image_id=decision.image_id,
                policy=policy,
                label=labels[policy],
                inclusion_probability=_chance(of, policy),
                at=at,
            ),
            reviewer,
            at,
        )
        for decision in (of.decision, *of.alike)
        for policy in of.policies
        if policy in labels
    ]


def taken_back(reviews: Sequence[Review], at: str) -> list[Review]:
    """What undoes them: later words of the same person, that nobody knows. Of an image the last review counts."""
    return [identified(replace(each, label="unsure", at=at), each.reviewer, at) for each in reviews]


def publish(writer: RecordWriter, topic: str, reviews: Sequence[Review]) -> None:
    """Return once the broker has them all; raises `PublishError`. Who publishes them again adds nothing."""
    writer.write([review_record(each, topic) for each in reviews])


def right(of: Waiting, labels: Mapping[str, Label]) -> bool | None:
    """Whether a person says of a golden image what others said; None of any other, or where they are not sure."""
    said = [
        labels[policy] == known.label
        for policy, known in of.known.items()
        if labels.get(policy, "unsure") != "unsure"
    ]
    return all(said) if said else None


def _chance(of: Waiting, policy: str) -> float:
    """Of a golden image the chance of its first reviews: it stands for as many as before."""
    known = of.known.get(policy)
    return max(LEAST_CHANCE, of.inclusion_probability if known is None else known.inclusion_probability)
