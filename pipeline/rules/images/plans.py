"""The views of a still with where each is taken, worked out once for all stills of a size.

The plan of one image is asked for up to four times while it is decoded, and sizes repeat from image to image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.rules.images.views import Look, Size, View, bounds, views
from pipeline.signals import Regions, regions_of

KEPT = 64
"""Plans kept: 0.5 KB for each view; at 224 pixels, up to 0.6 MB for a strip that is folded into the thinnest rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to look at in a still, one view or more."""

    views: tuple[View, ...]
    regions: Regions
    """Of the file's first frame, read-only, as all images with this plan share them."""
    scale: float
    """Pixels of a view for one of the still, in the view and the direction where they are most."""


@lru_cache(maxsize=KEPT)
def plan_for(size: Size, target: Size, resize_mode: str, coverage: Look) -> Plan:
    """The plan of every still of `size`, by `pipeline.rules.images.views.views`. Any thread may call."""
    return plan_of(views(size, target, resize_mode, coverage), size)


def plan_of(found: Sequence[View], size: Size) -> Plan:
    """The plan of a still of `size` whose views were found by looking at it."""
    regions = regions_of([bounds(view, size) for view in found])
    regions.flags.writeable = False
    return Plan(tuple(found), regions, _scale(found))


def _scale(found: Sequence[View]) -> float:
    return max(
        length / (high - low)
        for view in found
        for piece in view
        for length, low, high in zip(piece.size, piece.box[:2], piece.box[2:], strict=True)
    )
