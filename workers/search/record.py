"""What was found, as a value, and as the JSON that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pipeline.archive.search.found import Found
from pipeline.archive.search.search import Seen
from pipeline.rules.heads import SCORE_DIGITS
from pipeline.wire import Against, Match, PromptEvidence, Region, Verdict

SCHEMA = "sluice.search.v1"
UNFOLDED = 2.0
"""A cosine that no two images reach."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was searched for, where, and what counted."""

    words: list[str] = []
    unless: list[str] = []
    images: list[str] = []
    like: list[str] = []
    archive: str
    since: float | None = None
    """Seconds since the epoch, as is `until`."""
    until: float | None = None
    verdicts: list[str] = []
    policies: list[str] = []
    subject: str | None = None
    least: float
    """What scores less is nothing like it."""
    alike: float
    """The cosine from which on images are folded into one line; 2 where none are."""

    def __str__(self) -> str:
        what = [*(repr(each) for each in self.words), *self.images, *self.like]
        return " or ".join(what) + "".join(f", unless {each!r}" for each in self.unless)

    @property
    def by_words(self) -> bool:
        return bool(self.words)


class Nearby(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: an image, and how many are nearly the same."""

    rank: int
    score: float
    alike: int = 0
    """How many more there are of it, of those that score no less than the last line."""
    image_id: str
    event_id: str
    decision_id: str
    content_sha256: str
    decided_at: str
    verdict: Verdict
    matches: list[str] = []
    shadow: list[str] = []
    view: Region
    prompt: str | None = None
    """The best of the words, and what stood most against them."""
    against: Against | None = None

    @classmethod
    def of(cls, rank: int, score: float, count: int, found: Found, said: PromptEvidence | None = None) -> Nearby:
        decision = found.decision
        return cls(
            rank=rank,
            score=round(score, SCORE_DIGITS),
            alike=count - 1,
            view=found.view,
            prompt=said.prompt if said else None,
            against=said.against if said else None,
            image_id=decision.image_id,
            event_id=decision.event_id,
            decision_id=decision.decision_id,
            content_sha256=decision.content_sha256,
            decided_at=decision.decided_at,
            verdict=decision.verdict,
            matches=_policies(decision.matches),
            shadow=_policies(decision.shadow),
        )


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: what was found, the nearest first, among how many images."""

    schema: str = SCHEMA
    asked: Asked
    model: str
    """The fingerprint of the model whose features were compared."""
    preprocess: str
    images: int
    """How many counted, by the verdict and all else that was asked for."""
    rows: int
    best: float | None
    """The highest score of all; None without an image."""
    nothing_like_it: bool
    found: list[Nearby]

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True)
class Answer:
    """A record with the pictures that go with its lines, where there are any."""

    record: Record
    thumbnails: Sequence[bytes | None]


def record_of(asked: Asked, model: str, preprocess: str, seen: Seen, best: float, found: list[Nearby]) -> Record:
    """The answer; `model` is its fingerprint."""
    return Record(
        asked=asked,
        model=model,
        preprocess=preprocess,
        images=seen.images,
        rows=seen.rows,
        best=round(best, SCORE_DIGITS) if seen.images else None,
        nothing_like_it=not found,
        found=found,
    )


def _policies(matches: Sequence[Match]) -> list[str]:
    return [match.policy for match in matches]
