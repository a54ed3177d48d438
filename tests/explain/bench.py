"""A model with policies, as maps ask them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.pillow import PillowDecoder
from pipeline.items import Pixels
from pipeline.lab.explain.shown import Shown
from pipeline.lab.scenes.pointed import Pointed
from pipeline.lab.scenes.wear import jpeg_bytes
from pipeline.ports import Encoder
from pipeline.rules.heads import CompiledPolicies
from pipeline.signals import WHOLE, Features, Provenance, Signals, regions_of

QUALITY = 85


@dataclass
class Bench:
    """Scores views, those of one scene once each, however many methods ask for them."""

    encoder: Encoder
    compiled: CompiledPolicies
    asked: int = 0
    """Views that somebody wanted the scores of: what a method would cost by itself."""
    decoder: PillowDecoder = field(init=False)
    _shown: Shown = field(init=False)
    _known: dict[bytes, NDArray[np.float64]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.decoder = PillowDecoder(self.encoder.spec)
        nothing = Signals(np.zeros((1, self.encoder.spec.features), np.float32), regions_of([WHOLE]), self._made_by)
        self._shown = Shown(self.encoder, self.compiled, nothing, lambda _: None)

    def view(self, scene: Pointed) -> Pixels | None:
        """The view of a scene; None for the few whose clutter looks like margins or panels, which have others."""
        self._known.clear()
        made = self.decoder.decode(jpeg_bytes(scene.picture, QUALITY))
        alone = len(made.pixels) == 1 and made.regions[0]["box"].tolist() == list(WHOLE)
        return np.ascontiguousarray(made.pixels[0]) if alone else None

    def scores(self, pixels: Pixels) -> NDArray[np.float64]:
        """As `Shown.scores`."""
        self.asked += len(pixels)
        names = [view.tobytes() for view in pixels]
        new = {name: at for at, name in enumerate(names) if name not in self._known}
        if new:
            self._known.update(zip(new, self._shown.scores(pixels[list(new.values())]), strict=True))
        return np.stack([self._known[name] for name in names])

    def let_go(self, pixels: Pixels, policy: str) -> float:
        """The share of these views that the policy does not flag."""
        column = self.compiled.ids.index(policy)
        return float((self.scores(pixels)[:, column] < self.compiled.policies[column].lowest).mean())

    def margin(self, view: Pixels, policy: str) -> float:
        """How far the view's score is above the least that the policy flags."""
        column = self.compiled.ids.index(policy)
        return float(self.scores(view[np.newaxis])[0, column] - self.compiled.policies[column].lowest)

    def scores_of(self, features: Features, column: int) -> NDArray[np.float64]:
        """``float32[N,D]``, of unit length, each as an image of its own."""
        alone = [Signals(row[np.newaxis], regions_of([WHOLE]), self._made_by) for row in features]
        return self.compiled.look(alone).scores[:, column]

    @property
    def _made_by(self) -> Provenance:
        return Provenance(self.encoder.spec.ref, self.decoder.name)
