"""What an archive's reviews say of its decisions, read within a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.errors import UsageError
from pipeline.lab.reviews.csv_file import read_reviews
from pipeline.lab.reviews.decided import COLUMNS, judged_by_reviews
from pipeline.lab.reviews.misses import PolicyQuality
from pipeline.rules.reviews.settled import PolicyReviews, settle
from pipeline.rules.times import Window


@dataclass(frozen=True, slots=True)
class Found:
    """What reviews say of the decisions of a window, for each policy that has reviews of it."""

    archive: str
    policies: Sequence[PolicyQuality]


def reviews_of(
    archive: Archive, window: Window, labels: Path | None, known: Sequence[str], policy: str | None
) -> Mapping[str, PolicyReviews]:
    """Reviews of a CSV file, or those that the archive keeps, of that policy alone where one is named.

    Raises `UsageError` for a slip in the file, and where there is none.
    """
    if labels is not None:
        found = settle(read_reviews(labels, known))
    else:
        found = settle(archive.reviews(Window(window.since)))  # given after the decision, however late
    if policy is not None:
        found = {each: reviews for each, reviews in found.items() if each == policy}
    if not found:
        of = f" of {policy}" if policy else ""
        raise UsageError(
            f"the archive {archive.store.address} keeps no reviews{of} given since then; publish some with `sluice"
            " review record --csv FILE`"
        )
    return found


def quality(
    archive: Archive,
    segments: Sequence[Segment],
    window: Window,
    reviews: Mapping[str, PolicyReviews],
    progress: Callable[[Block], object] = lambda _: None,
) -> Found:
    """Read what these segments say of the reviewed events. Policies of which none is found are left out."""
    blocks = archive.blocks(segments, COLUMNS, window)
    found = judged_by_reviews(blocks, reviews, progress)
    return Found(archive.store.address, [each for each in found if _any(each)])


def _any(found: PolicyQuality) -> bool:
    return bool(
        found.flagged.reviewed or found.allowed.reviewed or found.others or found.unsure or found.unscored_reviewed
    )
