"""Maps point at the thing, and the score falls without it: ``python -m tests.explain`` at a small size.

The maps are of the fewest holes that anybody may ask for; those with more are better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.adapters.open_clip import load_encoder, load_parts
from pipeline.lab.explain.effort import FEWEST_HOLES
from pipeline.lab.explain.heat import heats
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.pointed import pointed_scenes
from pipeline.lab.scenes.truth import ABOUT
from tests.explain.__main__ import bench_of, table
from tests.explain.chance import anywhere
from tests.explain.measured import measure
from tests.explain.methods import crops_and_holes
from tests.explain.places import places

SCENES, FLAGGED = 8, 4


def test_the_map_points_at_the_thing_and_the_score_falls_without_it_and_not_without_another_tenth(
    atlas: Atlas,
) -> None:
    bench = bench_of(load_encoder("bundled", device="cpu", dtype="float32", threads=1))
    scenes = pointed_scenes(atlas, 20 * SCENES)
    methods, chances = {"map": crops_and_holes(FEWEST_HOLES)}, {"anywhere": anywhere}
    found = measure(bench, scenes, methods, chances, every=SCENES, flagged=FLAGGED)
    tally = found.tallies["map"]
    assert (found.scenes, found.flagged) == (SCENES, FLAGGED)
    assert tally.pointed >= 0.7 * SCENES, table(found)
    assert tally.removed["surroundings"] >= 0.7 * FLAGGED, table(found)
    assert found.at_random["anywhere"].percent("surroundings") <= 40, table(found)


def test_the_box_of_a_scene_is_around_its_thing(atlas: Atlas) -> None:
    """Without the sprites there is another picture within the box, and the same outside of it."""
    for scene in pointed_scenes(atlas, 3):
        left, top, right, bottom = scene.box
        assert scene.thing in ABOUT[scene.policy]
        assert 0.1 < right - left < 0.7
        assert 0.1 < bottom - top < 0.7
    again = [scene.box for scene in pointed_scenes(atlas, 3)]
    assert again == [scene.box for scene in pointed_scenes(atlas, 3)]


@pytest.mark.parametrize("kind", ["clip", "siglip", "convolutional", "ViT-B-32"])
def test_any_model_has_a_map_for_the_same_number_of_passes(tiny_models: dict[str, str], kind: str) -> None:
    encoder = load_encoder(tiny_models.get(kind, kind), device="cpu", dtype="float32", threads=1)
    random = np.random.default_rng(1)
    shown = list[int]()

    def scores(pixels: np.ndarray) -> np.ndarray:
        shown.append(len(pixels))
        return (encoder.encode_images(pixels)[:, :2].astype(float) + 1) / 2

    view = random.integers(0, 256, (*encoder.spec.image_size, 3), dtype=np.uint8)
    assert heats(view, scores, 30).shape == (2, *encoder.spec.image_size)
    assert sum(shown) == 52 + 30


def test_places_of_a_tower_that_averages_them_are_exact_and_a_transformer_has_one_a_patch(
    tiny_models: dict[str, str],
) -> None:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for kind, grid in (("convolutional", 2), ("clip", 4)):
        visual: Any = load_parts(tiny_models[kind], None).module.visual
        visual.eval()
        found = places(visual, images)
        assert found is not None
        assert found.shape[:3] == (2, grid, grid)
        with torch.inference_mode():
            whole = visual(images)
        assert found.shape[-1] == whole.shape[-1]
        if kind == "convolutional":
            assert torch.allclose(found.mean(dim=(1, 2)), whole, rtol=1e-3, atol=1e-4)
