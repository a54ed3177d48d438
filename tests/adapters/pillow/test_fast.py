"""Fast preprocessing shows the model what exact preprocessing shows it: the cosine of the features stays near 1."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.open_clip import OpenClipEncoder, load_encoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.pillow.rendering import Renderer
from pipeline.ports import EncoderSpec
from pipeline.rules.images.views import Coverage
from tests import images, tiny_models
from tests.adapters.open_clip.test_encoder import needs_bundled

LEAST_COSINE = 0.99
SAMPLES = Path(__file__).parents[3] / "policies" / "samples"
FORMATS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif"}
FILES = sorted(path for path in SAMPLES.glob("**/*") if path.suffix.lower() in FORMATS)

JPEGS: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {
    "1024x768": ((1024, 768), {"quality": 85}),
    "4000x3000": ((4000, 3000), {"quality": 90}),
    "portrait": ((768, 1024), {"quality": 85}),
    "progressive": ((1600, 1200), {"quality": 85, "progressive": True}),
    "4:2:0": ((1280, 960), {"quality": 75, "subsampling": 2}),
    "4:4:4": ((1280, 960), {"quality": 75, "subsampling": 0}),
    "coarse": ((1280, 720), {"quality": 30}),
    "small": ((300, 200), {"quality": 85}),
    "odd sides": ((1021, 683), {"quality": 85}),
    "panorama": ((3001, 800), {"quality": 85}),
}


@pytest.fixture(scope="module")
def bundled() -> OpenClipEncoder:
    return load_encoder("bundled", device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    """A tower that takes 224x224, as most published models do: other scales are drafted for it."""
    vision = {**tiny_models.CONVOLUTIONAL["vision_cfg"], "image_size": 224}
    config = {**tiny_models.CONVOLUTIONAL, "vision_cfg": vision}
    name = tiny_models.write_model(tmp_path_factory.mktemp("larger"), config)
    return load_encoder(name, device="cpu", dtype="float32")


def at_full_scale(spec: EncoderSpec, coverage: Coverage) -> PillowDecoder:
    """What exact preprocessing would be with any coverage: nothing decoded or reduced at a smaller scale."""
    decoder = PillowDecoder(spec, preprocess="exact")
    decoder._renderer = Renderer(spec, fast=False, coverage=coverage)
    return decoder


def cosines(image: bytes, encoder: OpenClipEncoder, coverage: Coverage = "whole") -> np.ndarray[Any, Any]:
    """Of each view's features, fast against exact."""
    fast = PillowDecoder(encoder.spec, coverage=coverage).decode(image).pixels
    exact = at_full_scale(encoder.spec, coverage).decode(image).pixels
    features = encoder.encode_images(np.concatenate([fast, exact]))
    return (features[: len(fast)] * features[len(fast) :]).sum(axis=1)


@needs_bundled
def test_there_are_samples_and_the_model_tells_them_apart(bundled: OpenClipEncoder) -> None:
    """Were all images alike to the model, so would be fast and exact, and the tests below would show nothing."""
    assert FILES, f"no sample images in {SAMPLES}"
    decoder = PillowDecoder(bundled.spec)
    features = bundled.encode_images(np.concatenate([decoder.decode(path.read_bytes()).pixels[:1] for path in FILES]))
    between = np.sort((features @ features.T)[np.triu_indices(len(FILES), k=1)])
    print(f"cosine between different samples: median {np.median(between):.3f}, least {between[0]:.3f}")  # noqa: T201
    assert np.median(between) < LEAST_COSINE


@needs_bundled
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_samples_look_the_same_to_the_bundled_model(path: Path, bundled: OpenClipEncoder) -> None:
    worst = cosines(path.read_bytes(), bundled).min()
    print(f"{path.name}: cosine {worst:.5f}")  # noqa: T201
    assert worst >= LEAST_COSINE


@needs_bundled
@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize("coverage", ["whole", "centre"])
def test_photographs_look_the_same_to_the_bundled_model(
    name: str, grey: bool, coverage: Coverage, bundled: OpenClipEncoder
) -> None:
    worst = cosines(photograph(name, grey=grey), bundled, coverage).min()
    print(f"{name}: cosine {worst:.5f}")  # noqa: T201
    assert worst >= LEAST_COSINE


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("coverage", ["whole", "centre"])
def test_photographs_look_the_same_to_a_larger_model(name: str, coverage: Coverage, larger: OpenClipEncoder) -> None:
    worst = cosines(photograph(name, grey=False), larger, coverage).min()
    print(f"{name}: cosine {worst:.5f}")  # noqa: T201
    assert worst >= LEAST_COSINE


@cache
def photograph(name: str, *, grey: bool) -> bytes:
    size, options = JPEGS[name]
    shrink = 2 if size[0] > 2000 else 1
    still: Image.Image = images.photograph(size[0] // shrink, size[1] // shrink, seed=len(name), detail=9).resize(
        size
    )
    return images.encoded(still.convert("L") if grey else still, "JPEG", **({} if grey else options))
