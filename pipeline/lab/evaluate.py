"""Zero-shot evaluation: whether a model names what fresh scenes show, among every name of the lexicon.

The path is that of real use: scenes are drawn larger, saved as JPEG, opened, and preprocessed by the model's own
transform. Text features are ensembles over templates, as in CLIP: normalised, averaged, normalised again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from pipeline.lab.emoji import Atlas
from pipeline.lab.lexicon import load_lexicon
from pipeline.lab.model import Loaded
from pipeline.lab.scenes import draw_scenes

SEED = 2**40  # training seeds are small numbers; no run trains on these scenes
SCENE_SIZE = 224
TEMPLATES = ("a photo of {}.", "a picture of {}.", "{}")
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Report:
    """Shares of scenes whose right name came first, and among the first five, out of ``classes`` names."""

    top1: float
    top5: float
    scenes: int
    classes: int


@torch.inference_mode()
def ensemble(loaded: Loaded, names: list[str], templates: tuple[str, ...] = TEMPLATES) -> Tensor:
    """Text features ``float32[N,D]``, normalised, of every name through every template."""
    total = torch.zeros(())
    for template in templates:
        chunks = [
            loaded.model.encode_text(loaded.tokenizer([template.format(name) for name in names[at : at + 256]]), True)
            for at in range(0, len(names), 256)
        ]
        total = total + torch.cat(chunks)
    return torch.nn.functional.normalize(total, dim=-1)


def to_images(pixels: Tensor) -> list[Image.Image]:
    """RGB pictures of ``float32[B,3,S,S]`` in [0,1]."""
    arrays = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(array) for array in arrays]


def as_jpeg(image: Image.Image, quality: int = 85) -> Image.Image:
    """The picture after a trip through a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def fresh_scenes(
    atlas: Atlas, scenes: int, seed: int = SEED, *, scraps: bool = True
) -> Iterator[tuple[list[Image.Image], Tensor]]:
    """Scenes that each show one thing, every emoji in turn in a random order: pictures and classes ``int64[B]``.

    With ``scraps``, pieces of other emoji lie under the thing on half of the scenes, as in training.
    """
    order = torch.randperm(atlas.count, generator=torch.Generator().manual_seed(seed))
    order = order.repeat(-(-scenes // atlas.count))[:scenes]
    for step, first in enumerate(order.split(_CHUNK)):
        drawn = draw_scenes(atlas, len(first), SCENE_SIZE, seed, step, first=first, scraps=scraps)
        yield [as_jpeg(image) for image in to_images(drawn.pixels)], first


@torch.inference_mode()
def image_features(loaded: Loaded, images: list[Image.Image]) -> Tensor:
    """``float32[B,D]``, normalised."""
    features: Tensor = loaded.model.encode_image(torch.stack([loaded.preprocess(image) for image in images]), True)
    return features


def evaluate(loaded: Loaded, atlas: Atlas, scenes: int, seed: int = SEED, *, scraps: bool = True) -> Report:
    """Zero-shot top-1 and top-5 over the whole lexicon."""
    text = ensemble(loaded, [emoji.name for emoji in load_lexicon()])
    first = five = 0
    for images, wanted in fresh_scenes(atlas, scenes, seed, scraps=scraps):
        best = (image_features(loaded, images) @ text.T).topk(5, dim=1).indices == wanted.unsqueeze(1)
        first += int(best[:, 0].sum())
        five += int(best.any(1).sum())
    return Report(first / scenes, five / scenes, scenes, atlas.count)
