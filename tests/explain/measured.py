"""Maps held against scenes of which it is known where the thing is: does it point there, and does the score fall?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.items import Pixels
from pipeline.lab.explain.fills import FILLS, Part
from pipeline.lab.explain.heat import Heat, hottest
from pipeline.lab.scenes.pointed import Pointed
from tests.explain.bench import Bench
from tests.explain.chance import Chance
from tests.explain.methods import Method

CLEAR = 0.1


@dataclass
class Tally:
    """What came of one method."""

    pointed: int = 0
    """Scenes at whose thing it points, of those that count for it."""
    pointed_flagged: int = 0
    removed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FILLS, 0))
    """Flagged scenes that are not flagged any more without the hottest tenth, by how it is filled."""
    passes: int = 0
    """Forward passes for one map."""


@dataclass
class AtRandom:
    """What came of one way to take a tenth away that no map chose."""

    scenes: int = 0
    """Flagged scenes in which there is such a tenth."""
    removed: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FILLS, 0.0))
    """The sum over them of the share of such tenths without which they are not flagged any more."""

    def percent(self, filled: str) -> float:
        return 100 * self.removed[filled] / max(self.scenes, 1)


@dataclass
class Measured:
    scenes: int = 0
    """Scenes that count for pointing, whether they are flagged or not."""
    flagged: int = 0
    drawn: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    at_random: dict[str, AtRandom] = field(default_factory=dict)
    clear: dict[str, AtRandom] = field(default_factory=dict)
    """The same of those scenes alone that score at least `CLEAR` above their threshold."""


def measure(
    bench: Bench,
    scenes: Iterable[Pointed],
    methods: Mapping[str, Method],
    chances: Mapping[str, Chance],
    *,
    every: int,
    flagged: int,
) -> Measured:
    """Look at the first `every` scenes, and after them at those alone that are flagged, until there are `flagged`."""
    every_chance, clear = ({name: AtRandom() for name in chances} for _ in range(2))
    found = Measured(tallies={name: Tally() for name in methods}, at_random=every_chance, clear=clear)
    for scene in scenes:
        if found.scenes >= every and found.flagged >= flagged:
            break
        view = bench.view(scene)
        if view is None:
            continue
        found.drawn += 1
        is_flagged = found.flagged < flagged and bench.let_go(view[np.newaxis], scene.policy) == 0
        counts = found.scenes < every
        if not counts and not is_flagged:
            continue
        found.scenes += counts
        found.flagged += is_flagged
        for name, method in methods.items():
            _tally(bench, found.tallies[name], method, scene, view, counts=counts, is_flagged=is_flagged)
        if is_flagged:
            is_clear = bench.margin(view, scene.policy) >= CLEAR
            for name, parts_of in chances.items():
                _chance(
                    bench, [found.at_random[name], *([found.clear[name]] if is_clear else [])], parts_of, scene, view
                )
    return found


def _tally(
    bench: Bench, tally: Tally, method: Method, scene: Pointed, view: Pixels, *, counts: bool, is_flagged: bool
) -> None:
    before = bench.asked
    heat = method(bench, view, bench.compiled.ids.index(scene.policy))
    tally.passes = bench.asked - before
    hit = points_into(heat, scene)
    tally.pointed += hit and counts
    if is_flagged:
        tally.pointed_flagged += hit
        for filled, share in _without(bench, scene, view, [hottest(heat)]).items():
            tally.removed[filled] += share == 1


def _chance(bench: Bench, tallies: Sequence[AtRandom], parts_of: Chance, scene: Pointed, view: Pixels) -> None:
    parts = parts_of((view.shape[0], view.shape[1]), scene.box)
    shares = _without(bench, scene, view, parts) if parts else {}
    for found in tallies:
        found.scenes += bool(parts)
        for filled, share in shares.items():
            found.removed[filled] += share


def _without(bench: Bench, scene: Pointed, view: Pixels, parts: Sequence[Part]) -> dict[str, float]:
    """By how they are filled, the share of the parts without which the scene is not flagged."""
    return {
        filled: bench.let_go(np.stack([fill(view, part) for part in parts]), scene.policy)
        for filled, fill in FILLS.items()
    }


def points_into(heat: Heat, scene: Pointed) -> bool:
    """Whether the map is hottest within the box around the thing."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    across, down = (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0]
    left, top, right, bottom = scene.box
    return bool(left <= across <= right and top <= down <= bottom)
