"""Which images deserve a second look, what it takes of them, and from which score on that counts.

A thing that is turned, or small in a corner, often leaves a trace: some policy's score is a little above nothing, or
no sentence of the whole set describes the picture. Such an image is looked at in more views. Many views give chance
many tries, so they count from a stiffer score on. The figures are in ``deploy/README.md``, for the bundled model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from pipeline.items import Pixels
from pipeline.rules.heads import CompiledPolicies
from pipeline.signals import Signals
from pipeline.wire import Turned

SecondLook = Literal["turns", "all"]

TURNS: Mapping[SecondLook, tuple[Turned, ...]] = {
    "turns": ("90", "180", "270"),
    "all": ("90", "180", "270", "mirrored"),
}
"""How the most suspicious view is turned; ``all`` takes tiles as well."""
BARS: Mapping[SecondLook, float] = {"turns": 0.9, "all": 0.95}
"""The least score that counts of such views, where a policy's lowest threshold is below it."""
NEAR = 0.02
"""An enforced policy's score is suspicious from that share of its lowest threshold on."""
UNSURE = 0.3
"""An image is suspicious where no sentence has that share of all sentences' weight, in any view."""


def suspects(images: Sequence[Signals], compiled: CompiledPolicies) -> dict[int, int]:
    """Each suspicious image by its index, and of its views the one that is nearest to an enforced policy's threshold.

    None is that an enforced policy matches already. Policies in mode shadow bring no suspicion and allay none. Raises
    ``ValueError`` for an image of no views.
    """
    enforced = np.array([policy.mode == "enforce" for policy in compiled.policies], bool)
    if not images or not enforced.any():
        return {}
    opinion, lowest = compiled.prompts.look(images), np.maximum(compiled.lowest[enforced], np.finfo(float).tiny)
    scores = compiled.look(images).scores[:, enforced]
    sureness = opinion.views.worst(compiled.prompts.sureness(opinion.found)[:, np.newaxis])[:, 0]
    suspicious = (scores >= NEAR * lowest).any(axis=1) | (sureness < UNSURE)
    suspicious &= ~(scores >= lowest).any(axis=1)
    nearness = (opinion.found.scores[:, enforced] / lowest).max(axis=1)
    return {at: int(nearness[opinion.views.views(at)].argmax()) for at in np.flatnonzero(suspicious).tolist()}


def turned(view: Pixels, how: Turned) -> Pixels | None:
    """``uint8[H,W,3]`` turned; None where it would not fit a model that is not square."""
    made = view[:, ::-1] if how == "mirrored" else np.rot90(view, -int(how) // 90)
    return made if made.shape == view.shape else None
