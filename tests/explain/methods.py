"""Ways to make a map: the one that `sluice explain` draws, its halves, and others that were tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from pipeline.adapters.open_clip import load_parts
from pipeline.items import Pixels
from pipeline.lab.explain.crops import averaged, cropped, windows
from pipeline.lab.explain.heat import Heat, heats, log_odds
from pipeline.lab.explain.masks import MASKS, followed, masked, masks
from tests.explain.bench import Bench
from tests.explain.places import places

Method = Callable[[Bench, Pixels, int], Heat]
"""The map of a view for the policy in that column."""


def crops_and_holes(count: int = MASKS) -> Method:
    """What ``sluice explain`` draws, with that many holes."""

    def method(bench: Bench, view: Pixels, column: int) -> Heat:
        return np.asarray(heats(view, bench.scores, count)[column])

    return method


def crops(bench: Bench, view: Pixels, column: int) -> Heat:
    size = (view.shape[0], view.shape[1])
    parts = windows(size)
    return np.asarray(averaged(log_odds(bench.scores(cropped(view, parts))), parts, size)[column])


def holes(bench: Bench, view: Pixels, column: int) -> Heat:
    chosen = masks((view.shape[0], view.shape[1]))
    return np.asarray(followed(log_odds(bench.scores(masked(view, chosen))), chosen)[column])


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
        bench.asked += 1
        rows, columns, width = found.shape[1:]
        features = torch.nn.functional.normalize(found.reshape(-1, width), dim=-1).numpy()
        heat = log_odds(bench.scores_of(features, column)).reshape(rows, columns).astype(np.float32)
        large = Image.fromarray(heat).resize((view.shape[1], view.shape[0]), Image.Resampling.BICUBIC)
        return np.asarray(large, np.float64)

    return method
