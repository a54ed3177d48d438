"""What people should look at, of an archive: the queue of somebody who reviews.

Three kinds are mixed. What a policy sent to review, the most uncertain first. What was drawn of the allowed images
(`review_sample`), by chance, so that what is missed can be told. And golden ones, on which others agree. Pictures
that are nearly the same are one.

Ids, verdicts and matches are read of every event; decisions, features and thumbnails of those alone that come first.
So of pictures that are nearly the same as many are folded at once as are looked up, and the others the next time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.archive.search.found import Found, look_up
from pipeline.archive.search.search import Place
from pipeline.rules.alike import ALIKE
from pipeline.rules.reviews.queueing import Answered, agreed, in_turn, margin, mixed, thresholds_of
from pipeline.rules.reviews.sample import highest_digits, in_sample
from pipeline.rules.reviews.waiting import Kind, Waiting, Wanted, chance_of
from pipeline.rules.times import Window
from pipeline.wire import Decision, Review

COLUMNS = ("record", "event_id", "image_id", "verdict", "matches")
"""What `waiting` reads of every row."""
_MORE = 3
"""How many are looked up for each that is wanted, since some are nearly the same."""


@dataclass(frozen=True)
class _Asked:
    """An event that is asked about, as far as that is told by its row."""

    kind: Kind
    place: Place
    event: str
    policies: tuple[str, ...]
    margin: float
    known: Mapping[str, Review] = field(default_factory=dict)


def waiting(
    archive: Archive,
    segments: Iterable[Segment],
    window: Window,
    wanted: Wanted,
    reviews: Sequence[Review],
    stop: Callable[[], bool] = lambda: False,
) -> list[Waiting]:
    """The first `wanted.most` images of the queue, of what was decided within the window.

    `reviews` are those that were given so far. Segments are read in their order until `stop` says so: a page that has
    a second for it gives the newest first, and shows what came of those. What is held does not grow with the archive.
    Raises `StoreError` for a segment that is damaged.
    """
    found = _asked(archive.blocks(segments, COLUMNS, window), wanted, reviews, stop)
    sent, drawn, golden = (_looked_up(archive, some, wanted) for some in found)
    return list(_first(mixed(sent, drawn, golden, wanted.mix), wanted.most))


def _asked(
    blocks: Iterable[Block], wanted: Wanted, reviews: Sequence[Review], stop: Callable[[], bool]
) -> tuple[list[_Asked], list[_Asked], list[_Asked]]:
    """Those that come first of each kind, in their order."""
    known, answered = agreed(reviews, wanted.reviewer), Answered(reviews)
    sent, drawn, golden = list[_Asked](), list[_Asked](), list[_Asked]()
    most = wanted.most * _MORE
    for block in blocks:
        here = list(_of_block(block, wanted, answered, known))
        sent = heapq.nsmallest(most, [*sent, *(each for each in here if each.kind == "sent")], attrgetter("margin"))
        for kind, kept, seed in (("drawn", drawn, ""), ("golden", golden, wanted.reviewer)):
            several = [*kept, *(each for each in here if each.kind == kind)]
            kept[:] = heapq.nsmallest(most, several, lambda each, seed=seed: in_turn(each.event, seed))  # type: ignore[misc]
        if stop():
            break
    return sent, drawn, golden


def _of_block(
    block: Block, wanted: Wanted, answered: Answered, known: Mapping[str, Mapping[str, Review]]
) -> Iterator[_Asked]:
    candidates = _candidates(block.column("verdict"), block.column("event_id"), wanted.drawn, known)
    rows = block.rows.select(COLUMNS).take(pa.array(block.offsets[:-1][candidates]))
    for record, event, image, verdict, matches in zip(*(each.to_pylist() for each in rows.columns), strict=True):
        place, margins = Place(block.segment, record, 0), dict[str, float]()
        kind: Kind = "drawn"
        if event in known:
            kind, margins = "golden", dict.fromkeys(known[event], 0.0)
        elif verdict == "review":
            kind, margins = "sent", _margins(matches, wanted.actions)
        elif in_sample(event, wanted.drawn):
            margins = dict.fromkeys(wanted.actions, 0.0)
        asked = {
            policy: far
            for policy, far in margins.items()
            if wanted.policy in {None, policy} and (kind == "golden" or not answered.has(event, image, policy))
        }
        if asked:
            yield _Asked(kind, place, event, tuple(asked), min(asked.values()), known.get(event, {}))


def _candidates(
    verdicts: pa.ChunkedArray, events: pa.ChunkedArray, drawn: float, known: Collection[str]
) -> NDArray[np.intp]:
    """Events that may be asked about: a few of many, found without a loop over all."""
    of_interest = pc.equal(verdicts, "review")
    if known:
        of_interest = pc.or_(of_interest, pc.is_in(events, value_set=pa.array(list(known), pa.string())))
    if drawn:
        digits = highest_digits(drawn)
        few = pc.less_equal(pc.utf8_slice_codeunits(events, 0, len(digits)), digits)
        of_interest = pc.or_(of_interest, pc.and_(few, pc.equal(verdicts, "allow")))
    return np.asarray(pc.indices_nonzero(of_interest), np.intp)


def _margins(matches: Iterable[Mapping[str, object]], actions: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The policies that sent it to review, each with the margin of its score."""
    sent = [each for each in matches if each["mode"] == "enforce" and each["action"] in {"review", "block"}]
    scores = {str(each["policy"]): float(each["score"]) for each in sent}  # type: ignore[arg-type]
    return {policy: margin(score, thresholds_of(actions, policy)) for policy, score in scores.items()}


def _looked_up(archive: Archive, asked: Sequence[_Asked], wanted: Wanted) -> list[Waiting]:
    """What is known of them, with those that are nearly the same folded into the first."""
    found = [
        (each, image) for each, image in zip(asked, look_up(archive, [a.place for a in asked]), strict=True) if image
    ]
    kept: list[tuple[_Asked, Found, list[Decision]]] = []
    for each, image in found:
        same = next((k for k in kept if _alike(k[0], k[1], each, image)), None)
        if same is None:
            kept.append((each, image, []))
        else:
            same[2].append(image.decision)
    made = (_waiting(each, image, alike, wanted) for each, image, alike in kept)
    return [each for each in made if each.policies]


def _alike(one: _Asked, image: Found, other: _Asked, another: Found) -> bool:
    """What is said of one is said of the other: that takes the same questions, asked for the same reason."""
    if one.kind == "golden" or set(one.policies) != set(other.policies):
        return False
    return bool(np.dot(image.signals.features[0], another.signals.features[0]) >= ALIKE)


def _waiting(asked: _Asked, image: Found, alike: Sequence[Decision], wanted: Wanted) -> Waiting:
    decision = image.decision
    policies = sorted(
        (each for each in asked.policies if each in decision.scores), key=decision.scores.__getitem__, reverse=True
    )
    chance = chance_of(asked.kind, decision, wanted.drawn)
    return Waiting(
        asked.kind, decision, tuple(policies), chance, image.thumbnail, asked.margin, tuple(alike), asked.known
    )


def _first(queue: Iterator[Waiting], most: int) -> Iterator[Waiting]:
    for _, each in zip(range(most), queue, strict=False):
        yield each
