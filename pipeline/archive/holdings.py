"""What an archive holds, by what its listing and the segments' metadata say: no row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.archive.denied import DenyList
from pipeline.archive.listing import Segment
from pipeline.archive.policy_sets import SEEN_BY
from pipeline.archive.segments import Contents, contents, opened
from pipeline.errors import StoreChangedError
from pipeline.ports import Store
from pipeline.rules.archive.names import ERASED, POLICY_SETS, REVIEWS, UNREADABLE

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Aside:
    """What lies beside the segments."""

    reviews: int
    """Files of reviews."""
    unreadable: int
    """Files of records that could not be read."""
    policy_sets: int
    erasures: int
    """Objects of the deny list."""
    denied: int
    """What is erased: images, hashes, subjects, and the events that these found."""


def contents_of(
    store: Store, segments: Sequence[Segment], told: Callable[[int], object]
) -> Iterator[tuple[Segment, Contents]]:
    """What each segment's metadata says, in their order; one that has gone meanwhile is left out."""

    def read(segment: Segment) -> Contents | None:
        try:
            with opened(store.local(segment.path) or store.open(segment.path), segment.path) as file:
                return contents(file, segment.path)
        except (FileNotFoundError, StoreChangedError):
            return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for segment, found in zip(segments, pool.map(read, segments), strict=True):
            told(1)
            if found is not None:
                yield segment, found


def aside(store: Store) -> Aside:
    """What lies beside the segments.

    Files of records may have any topic's name in theirs, with the topic's id behind it. Of policy sets each version
    counts once: its parts, and the same version with what a model saw of its examples, are no sets of their own.
    """
    reviews, unreadable, erasures = (sum(1 for _ in store.list(prefix)) for prefix in (REVIEWS, UNREADABLE, ERASED))
    policy_sets = sum(SEEN_BY not in each.path for each in store.list(POLICY_SETS))
    return Aside(reviews, unreadable, policy_sets, erasures, len(DenyList(store).load().entries))
