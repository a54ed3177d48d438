"""Images of an archive as radar takes them: all views of each, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.archive.search.search import Place
from pipeline.lab.drift.reservoir import Reservoir
from pipeline.lab.radar.novelty import Month

SAMPLED = 20_000
"""Images of the month that are held in memory, drawn evenly: 20 MB at 512 features and one view each."""
KEPT = 4_000
"""Images unlike the month that are held in memory; of more, an even draw of so many."""
COLUMNS = ("record", "view", "views", "features")
Advance = Callable[[Block], object]


@dataclass(frozen=True, eq=False)
class Sighting:
    """An image that is unlike the month: where it stands, and the view that is least like the month."""

    place: Place
    view: NDArray[np.float32]
    nearest: float
    """That view's cosine to the nearest view of the month's sample."""


@dataclass(frozen=True, eq=False)
class Sighted:
    """The images of a day that are unlike the month, or an even draw of them."""

    sightings: list[Sighting]
    images: int
    """Images of the day; each was looked at."""
    unlike: int

    @property
    def drawn_from(self) -> int:
        """Images of a day of which this would be all that is unlike the month."""
        return round(self.images * len(self.sightings) / self.unlike) if self.unlike else self.images


def sampled(archive: Archive, segments: Iterable[Segment], advance: Advance, seed: int = 0) -> Month | None:
    """The month before, as an even draw of its images; None where it has too few to say what is new."""
    reservoir = Reservoir[NDArray[np.float16]](SAMPLED, seed)
    for block in archive.blocks(segments, COLUMNS):
        for event, place in reservoir.places(block.events):
            first, end = block.offsets[event : event + 2].tolist()
            reservoir.put(place, block.views(np.arange(first, end)))
        advance(block)
    return Month.of(reservoir.kept, reservoir.seen, seed)


def sighted(archive: Archive, segments: Iterable[Segment], month: Month, advance: Advance, seed: int = 0) -> Sighted:
    """All images of the day are looked at, and those kept that are farther from the month than its own are."""
    reservoir, images = Reservoir[Sighting](KEPT, seed), 0
    for block in archive.blocks(segments, COLUMNS):
        features = block.features.astype(np.float32)
        nearest = month.nearest(features)
        lowest = np.minimum.reduceat(nearest, block.offsets[:-1])
        unlike = np.flatnonzero(lowest < month.bound).tolist()
        records = block.column("record")
        for at, kept in reservoir.places(len(unlike)):
            first, end = block.offsets[unlike[at] : unlike[at] + 2].tolist()
            view = int(nearest[first:end].argmin())
            place = Place(block.segment, records[unlike[at]].as_py(), view)
            reservoir.put(kept, Sighting(place, features[first + view].copy(), float(nearest[first + view])))
        images += block.events
        advance(block)
    return Sighted(reservoir.kept, images, reservoir.seen)
