"""What reviews say of decisions as they were made: found again in the archive by their ids, without any features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block
from pipeline.archive.scored import COLUMN as POLICY_SET
from pipeline.archive.scored import Scored
from pipeline.lab.evaluation.weighted import Tally
from pipeline.lab.reviews.found import IDS, Ids, Wanted
from pipeline.lab.reviews.misses import PolicyQuality, Stratum
from pipeline.rules.reviews.settled import Labelled, PolicyReviews, settle
from pipeline.rules.times import Window
from pipeline.wire import CANARY_IDS

COLUMNS = (*IDS, "verdict", "matches", POLICY_SET)
"""What `judged_by_reviews` needs of an archive's rows."""
_FLAGGED, _ALLOWED, _OTHERS, _UNSCORED, _CANARY = "flagged", "allowed", "others", "unscored", "canary"


def quality_within(archive: Archive, window: Window) -> list[PolicyQuality]:
    """What the archive's own reviews say of what was decided within the window. Raises `StoreError`.

    Of the reviews all that were given since it begins: a review comes after the decision, however late.
    """
    reviews = settle(archive.reviews(Window(window.since)))
    segments = archive.segments(window) if reviews else []
    return judged_by_reviews(archive.blocks(segments, COLUMNS, window), reviews)


def judged_by_reviews(
    blocks: Iterable[Block],
    reviews: Mapping[str, PolicyReviews],
    progress: Callable[[Block], object] = lambda _: None,
) -> list[PolicyQuality]:
    """What reviews say of each policy that has some, of the events in blocks with `COLUMNS`, sorted by policy.

    An image that was decided several times counts by its last decision. Of each policy only decisions of sets that
    score it count: what another set let pass, it did not. Canaries are no images of the stream, and have no part in
    it. What is held grows with the number of reviews, and not with that of events.
    """
    wanted = Wanted[str]({policy: each.labels for policy, each in reviews.items()})
    counts = _Counts()
    for block in blocks:
        seen = _seen(block, counts.scored)
        counts.add(seen)
        _take(wanted, Ids(block), seen, counts.scored)
        progress(block)
    return [_quality(policy, *wanted.found(policy, each), counts) for policy, each in sorted(reviews.items())]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What became of a block's events."""

    matched: Mapping[str, NDArray[np.int64]]
    """For each policy the events that it matched, ascending."""
    passed: NDArray[np.bool_]
    """``bool[E]``: whether it was allowed."""
    sets: NDArray[np.int64]
    """``int64[E]``: by which of the policy sets that `Scored` has met."""
    canary: NDArray[np.bool_]
    """``bool[E]``; the other figures have none of them, but for `sets`."""


def _seen(block: Block, scored: Scored) -> _Seen:
    canary = pc.starts_with(block.column("image_id"), CANARY_IDS).to_numpy()
    matched = {policy: events[~canary[events]] for policy, events in _matched(block).items()}
    passed = (block.column("verdict").to_numpy() == "allow") & ~canary
    return _Seen(matched, passed, scored.sets_of(block), canary)


class _Counts:
    """Of all events, by the policies that matched them, and by the sets that decided them."""

    def __init__(self) -> None:
        self.scored = Scored()
        self.flagged = Counter[str]()
        self._allowed_too = Counter[str]()
        self._events, self._allowed = Counter[int](), Counter[int]()

    def add(self, seen: _Seen) -> None:
        for policy, events in seen.matched.items():
            self.flagged[policy] += len(events)
            # In shadow: flagged, and allowed all the same.
            self._allowed_too[policy] += int(seen.passed[events].sum())
        self._events.update(_by_set(seen.sets[~seen.canary]))
        self._allowed.update(_by_set(seen.sets[seen.passed]))

    def allowed(self, policy: str) -> int:
        """Events that it was asked of and did not match, and that nothing acted on."""
        there = sum(count for number, count in self._allowed.items() if policy in self.scored.policies[number])
        return there - self._allowed_too[policy]

    def unscored(self, policy: str) -> int:
        """Events of sets without it."""
        return sum(count for number, count in self._events.items() if policy not in self.scored.policies[number])


def _by_set(sets: NDArray[np.int64]) -> dict[int, int]:
    return dict(enumerate(np.bincount(sets).tolist()))


def _matched(block: Block) -> Mapping[str, NDArray[np.int64]]:
    """For each policy the events that it matched, ascending, by index in the block."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    start = 0
    for chunk in block.column("matches").chunks:
        events = pc.list_parent_indices(chunk).to_numpy() + start
        policies = pc.struct_field(pc.list_flatten(chunk), "policy").dictionary_encode()
        at = policies.indices.to_numpy()
        for number, policy in enumerate(policies.dictionary.to_pylist()):
            found.setdefault(policy, []).append(events[at == number])
        start += len(chunk)
    return {policy: np.concatenate(parts) for policy, parts in found.items()}


def _take(wanted: Wanted[str], ids: Ids, seen: _Seen, scored: Scored) -> None:
    nothing = np.zeros(0, np.int64)
    for event, policy, at in wanted.among(ids, range(len(seen.passed))):
        if seen.canary[event]:
            wanted.take(policy, at, ids, event, _CANARY)
            continue
        events = seen.matched.get(policy, nothing)
        place = int(events.searchsorted(event))
        if place < len(events) and events[place] == event:
            kind = _FLAGGED
        elif policy not in scored.policies[seen.sets[event]]:
            kind = _UNSCORED
        else:
            kind = _ALLOWED if seen.passed[event] else _OTHERS
        wanted.take(policy, at, ids, event, kind)


def _quality(
    policy: str, found: list[tuple[Labelled, str]], reviews: PolicyReviews, counts: _Counts
) -> PolicyQuality:
    def said(kind: str) -> list[Labelled]:
        return [label for label, became in found if became == kind]

    return PolicyQuality(
        policy=policy,
        flagged=_stratum(counts.flagged[policy], said(_FLAGGED)),
        allowed=_stratum(counts.allowed(policy), said(_ALLOWED)),
        others=len(said(_OTHERS)),
        unsure=sum(label.label == "unsure" for label, _ in found),
        missing=len(reviews.labels) - len(found),
        unscored=counts.unscored(policy),
        unscored_reviewed=len(said(_UNSCORED)),
    )


def _stratum(events: int, labels: list[Labelled]) -> Stratum:
    weights = [label.weight for label in labels if label.label != "unsure"]
    heaviest = max(weights, default=1.0)
    return Stratum(
        max(events, len(weights)),
        *(_tally((each.weight for each in labels if each.label == label), heaviest) for label in ("yes", "no")),
    )


def _tally(weights: Iterator[float], heaviest: float) -> Tally:
    """The heaviest of the stratum might have been one of these."""
    each = np.array([*weights], np.float64)
    return Tally(len(each), float(each.sum()), float((each**2).sum()), heaviest)
