"""How many views may the model be shown for maps? What maps cost, and what they are made of within a bound."""

from __future__ import annotations

from pipeline.lab.explain.crops import CROPS
from pipeline.lab.explain.heat import PROOF
from pipeline.lab.explain.masks import MASKS

FEWEST_HOLES = 24
"""With fewer, a map owes as much to chance as to the picture; `python -m tests.explain` measures it with these."""
LEAST = CROPS + FEWEST_HOLES + PROOF
"""The views that one map needs."""
FULL = CROPS + MASKS + PROOF
"""Those that one map takes at most."""


def passes(views: int, policies: int, holes: int = MASKS) -> int:
    """How many views the model is shown for the maps of that many policies, which that many views decide."""
    return views * (CROPS + holes) + policies * PROOF


def holes_within(most: int, views: int = 1, policies: int = 1) -> int | None:
    """How many holes each view may have, so that `passes` is no more than `most`; None where those are too few."""
    holes = (most - policies * PROOF) // views - CROPS
    return None if holes < FEWEST_HOLES else min(holes, MASKS)
