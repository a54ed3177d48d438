"""What reviews say of decisions as they were made: found again in the archive by their ids, without any features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block
from pipeline.lab.evaluation.weighted import Tally
from pipeline.lab.reviews.found import IDS, Ids, Wanted
from pipeline.lab.reviews.misses import PolicyQuality, Stratum
from pipeline.rules.reviews.settled import Labelled, PolicyReviews, settle
from pipeline.rules.times import Window

COLUMNS = (*IDS, "verdict", "matches")
"""What `judged_by_reviews` needs of an archive's rows."""
_FLAGGED, _ALLOWED, _OTHERS = "flagged", "allowed", "others"


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

    An image that was decided several times counts by its last decision. What is held grows with the number of
    reviews, and not with that of events.
    """
    wanted = Wanted[str]({policy: each.labels for policy, each in reviews.items()})
    flagged, allowed_too, allowed = Counter[str](), Counter[str](), 0
    for block in blocks:
        matched, passed = _matched(block), block.column("verdict").to_numpy() == "allow"
        allowed += int(passed.sum())
        for policy, events in matched.items():
            flagged[policy] += len(events)
            allowed_too[policy] += int(passed[events].sum())  # in shadow: flagged, and allowed all the same
        _take(wanted, Ids(block), matched, passed)
        progress(block)
    return [
        _quality(policy, wanted.found(policy, each), each, flagged[policy], allowed - allowed_too[policy])
        for policy, each in sorted(reviews.items())
    ]


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


def _take(wanted: Wanted[str], ids: Ids, matched: Mapping[str, NDArray[np.int64]], passed: NDArray[np.bool_]) -> None:
    nothing = np.zeros(0, np.int64)
    for event, policy, at in wanted.among(ids, range(len(passed))):
        events = matched.get(policy, nothing)
        place = int(events.searchsorted(event))
        flagged = place < len(events) and events[place] == event
        kind = _FLAGGED if flagged else _ALLOWED if passed[event] else _OTHERS
        wanted.take(policy, at, int(ids.decided_at[event]), kind)


def _quality(
    policy: str, found: list[tuple[Labelled, str]], reviews: PolicyReviews, flagged: int, allowed: int
) -> PolicyQuality:
    return PolicyQuality(
        policy=policy,
        flagged=_stratum(flagged, [label for label, kind in found if kind == _FLAGGED]),
        allowed=_stratum(allowed, [label for label, kind in found if kind == _ALLOWED]),
        others=sum(kind == _OTHERS for _, kind in found),
        unsure=sum(label.label == "unsure" for label, _ in found),
        missing=len(reviews.labels) - len(found),
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
