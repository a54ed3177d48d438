"""Maps held against scenes of which it is known where the thing is: does it point there, and does the score fall?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.adapters.open_clip import load_parts
from pipeline.adapters.pillow import PillowDecoder
from pipeline.items import Pixels
from pipeline.lab.explain.crops import averaged, cropped, windows
from pipeline.lab.explain.fills import FILLS
from pipeline.lab.explain.heat import AREA, Heat, elsewhere, heats, hottest, log_odds
from pipeline.lab.explain.masks import followed, masked, masks
from pipeline.lab.explain.shown import Shown
from pipeline.lab.scenes.pointed import Pointed
from pipeline.lab.scenes.wear import jpeg_bytes
from pipeline.ports import Encoder
from pipeline.rules.heads import CompiledPolicies
from pipeline.signals import WHOLE, Features, Provenance, Signals, regions_of
from tests.explain.places import places

QUALITY = 85
Method = Callable[["Bench", Pixels, int], Heat]
"""The map of a view for the policy in that column."""


@dataclass
class Bench:
    """A model with policies, as maps ask them."""

    encoder: Encoder
    compiled: CompiledPolicies
    decoder: PillowDecoder = field(init=False)
    shown: Shown = field(init=False)

    def __post_init__(self) -> None:
        self.decoder = PillowDecoder(self.encoder.spec)
        made_by = Provenance(self.encoder.spec.ref, self.decoder.name)
        nothing = Signals(np.zeros((1, self.encoder.spec.features), np.float32), regions_of([WHOLE]), made_by)
        self.shown = Shown(self.encoder, self.compiled, nothing, lambda _: None)

    def view(self, scene: Pointed) -> Pixels | None:
        """The view of a scene; None for the few whose clutter looks like margins or panels, which have others."""
        made = self.decoder.decode(jpeg_bytes(scene.picture, QUALITY))
        alone = len(made.pixels) == 1 and made.regions[0]["box"].tolist() == list(WHOLE)
        return np.ascontiguousarray(made.pixels[0]) if alone else None

    def scores_of(self, features: Features, column: int) -> NDArray[np.float64]:
        """``float32[N,D]``, of unit length, each as an image of its own."""
        regions, made_by = regions_of([WHOLE]), Provenance(self.encoder.spec.ref, self.decoder.name)
        alone = [Signals(row[np.newaxis], regions, made_by) for row in features]
        return self.compiled.look(alone).scores[:, column]


def crops_times_masks(bench: Bench, view: Pixels, column: int) -> Heat:
    """What ``sluice explain`` draws."""
    return np.asarray(heats(view, bench.shown.scores)[column])


def crops(bench: Bench, view: Pixels, column: int) -> Heat:
    size = (view.shape[0], view.shape[1])
    parts = windows(size)
    return np.asarray(averaged(log_odds(bench.shown.scores(cropped(view, parts))), parts, size)[column])


def holes(bench: Bench, view: Pixels, column: int) -> Heat:
    chosen = masks((view.shape[0], view.shape[1]))
    return np.asarray(followed(log_odds(bench.shown.scores(masked(view, chosen))), chosen)[column])


def in_one_pass(model: str, pretrained: str | None = None) -> Method:
    """The score of each place by itself: of a tower that averages places exactly, of a transformer by its values."""
    visual: Any = load_parts(model, pretrained).module.visual
    visual.eval()

    def method(bench: Bench, view: Pixels, column: int) -> Heat:
        spec = bench.encoder.spec
        mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in (spec.mean, spec.std))
        pixels = torch.from_numpy(view.copy()).permute(2, 0, 1).float() / 255
        found = places(visual, ((pixels - mean) / deviation)[None])
        if found is None:
            raise TypeError("this architecture has no features of places")
        bench.shown.passes += 1
        rows, columns, width = found.shape[1:]
        features = torch.nn.functional.normalize(found.reshape(-1, width), dim=-1).numpy()
        heat = log_odds(bench.scores_of(features, column)).reshape(rows, columns).astype(np.float32)
        large = Image.fromarray(heat).resize((view.shape[1], view.shape[0]), Image.Resampling.BICUBIC)
        return np.asarray(large, np.float64)

    return method


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
class Measured:
    scenes: int = 0
    """Scenes that count for pointing, whether they are flagged or not."""
    flagged: int = 0
    drawn: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    at_random: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FILLS, 0.0))
    """How many flagged scenes are not flagged any more without a tenth that chance puts, on average."""


def measure(
    bench: Bench, scenes: Iterable[Pointed], methods: Mapping[str, Method], *, every: int, flagged: int
) -> Measured:
    """Look at the first `every` scenes, and after them at those alone that are flagged, until there are `flagged`."""
    found = Measured(tallies={name: Tally() for name in methods})
    for scene in scenes:
        if found.scenes >= every and found.flagged >= flagged:
            break
        view, column = bench.view(scene), bench.compiled.ids.index(scene.policy)
        if view is None:
            continue
        found.drawn += 1
        threshold = bench.compiled.policies[column].lowest
        is_flagged = bool(bench.shown.scores(view[np.newaxis])[0, column] >= threshold) and found.flagged < flagged
        counts = found.scenes < every
        if not counts and not is_flagged:
            continue
        found.scenes += counts
        found.flagged += is_flagged
        for name, method in methods.items():
            _tally(bench, found.tallies[name], method, scene, view, column, counts=counts, is_flagged=is_flagged)
        if is_flagged:
            parts = elsewhere((view.shape[0], view.shape[1]))
            for filled, fill in FILLS.items():
                said = bench.shown.scores(np.stack([fill(view, part) for part in parts]))[:, column]
                found.at_random[filled] += float((said < threshold).mean())
    return found


def _tally(
    bench: Bench,
    tally: Tally,
    method: Method,
    scene: Pointed,
    view: Pixels,
    column: int,
    *,
    counts: bool,
    is_flagged: bool,
) -> None:
    before = bench.shown.passes
    heat = method(bench, view, column)
    tally.passes = bench.shown.passes - before
    hit = points_into(heat, scene)
    tally.pointed += hit and counts
    if is_flagged:
        tally.pointed_flagged += hit
        part = hottest(heat, AREA)
        for filled, fill in FILLS.items():
            left = bench.shown.scores(fill(view, part)[np.newaxis])[0, column]
            tally.removed[filled] += bool(left < bench.compiled.policies[column].lowest)


def points_into(heat: Heat, scene: Pointed) -> bool:
    """Whether the map is hottest within the box around the thing."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    across, down = (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0]
    left, top, right, bottom = scene.box
    return bool(left <= across <= right and top <= down <= bottom)
