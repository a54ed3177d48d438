"""Which dead letters are meant: what a person says of them, as rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import DeadLetter

FOREIGN = "foreign"
"""The reason by which records of the topic are asked for that are none of ours, such as Kafka Connect's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters that join: a dead letter is meant where every one that is given holds of it.

    `id` is any of `ids_of`; `topic` and `partition` are those of its event. None means any, and so do no reasons.
    """

    reasons: frozenset[str] = frozenset()
    stage: str | None = None
    policy_set: str | None = None
    topic: str | None = None
    partition: int | None = None
    id: str | None = None
    window: Window = ALWAYS
    said: str = field(default="", compare=False)
    """The filters as they were typed: "2h" is the same filter an hour later, though another window."""

    @property
    def everything(self) -> bool:
        """Whether nothing narrows it down."""
        return self == Wanted()

    def means(self, letter: DeadLetter, time: float) -> bool:
        """Whether the dead letter, written at `time`, is meant."""
        source = letter.source
        return (
            (not self.reasons or reason_of(letter) in self.reasons)
            and self.stage in {None, letter.stage}
            and self.policy_set in {None, letter.policy_set}
            and self.topic in {None, source and source.topic}
            and (self.partition is None or (source is not None and source.partition == self.partition))
            and (self.id is None or self.id in ids_of(letter))
            and self.window.holds(time)
        )


def ids_of(letter: DeadLetter) -> frozenset[str]:
    """By what a person may name a dead letter: its event, its image, or where either stands (``topic[0]@5``)."""
    named = (letter.event_id, letter.image_id, str(letter.source or ""), str(letter.stored or ""))
    return frozenset(name for name in named if name)


def reason_of(letter: DeadLetter) -> str:
    """Why it is one, in a word."""
    return FOREIGN if letter.foreign else letter.reason
