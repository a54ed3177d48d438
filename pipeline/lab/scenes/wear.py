"""What pictures suffer on their way: exposure, blur, grain, lost colour, JPEG. Real uploads are seldom clean."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from PIL import Image
from torch import Tensor

from pipeline.lab.scenes.clutter import some, uniform

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
BLUR_SHARE = 0.2
GRAIN_SHARE = 0.25
GREY_SHARE = 0.06
JPEG_SHARE = 0.08
JPEG_QUALITY = (10, 70)
_CELLS = (20, 44)  # the detail that a blurred scene keeps, in cells across the frame


def wear(canvas: Tensor, generator: torch.Generator) -> Tensor:
    """The scenes, ``float32[B,3,S,S]`` in [0,1], with each effect on its share of them."""
    batch = canvas.shape[0]
    canvas = canvas * uniform(generator, 0.8, 1.15, batch, 1, 1, 1)
    _blur(canvas, generator)
    chosen = some(generator, batch, GRAIN_SHARE)
    canvas[chosen] += _grain(generator, len(chosen), canvas.shape[-1])
    canvas.clamp_(0, 1)
    chosen = some(generator, batch, GREY_SHARE)
    canvas[chosen] = grey(canvas[chosen])
    for row in some(generator, batch, JPEG_SHARE).tolist():
        quality = int(torch.randint(*JPEG_QUALITY, (1,), generator=generator))
        canvas[row] = to_tensor(as_jpeg(to_images(canvas[row : row + 1])[0], quality))
    return canvas


def grey(canvas: Tensor) -> Tensor:
    """The scenes without their colours, still of three channels."""
    luma = torch.tensor(LUMA).view(3, 1, 1)
    return (canvas * luma).sum(1, keepdim=True).expand_as(canvas)


def _blur(canvas: Tensor, generator: torch.Generator) -> None:
    """Blur two groups of scenes, each by one strength: a strength for every scene would be a call for every scene."""
    for _ in range(2):
        chosen = some(generator, canvas.shape[0], BLUR_SHARE / 2)
        cells = int(torch.randint(*_CELLS, (1,), generator=generator))
        if len(chosen):
            coarse = F.interpolate(canvas[chosen], size=(cells, cells), mode="bilinear", antialias=True)
            canvas[chosen] = F.interpolate(coarse, size=canvas.shape[-2:], mode="bilinear")


def _grain(generator: torch.Generator, batch: int, size: int) -> Tensor:
    amount = uniform(generator, 0.01, 0.06, batch, 1, 1, 1)
    noise = torch.randn(batch, 3, 64, 64, generator=generator)
    if size != noise.shape[-1]:
        noise = F.interpolate(noise, size=(size, size), mode="bilinear")
    return noise * amount


def to_images(pixels: Tensor) -> list[Image.Image]:
    """RGB pictures of ``float32[B,3,S,S]`` in [0,1]."""
    arrays = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(array) for array in arrays]


def to_tensor(image: Image.Image) -> Tensor:
    """``float32[3,H,W]`` in [0,1] of an RGB picture."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)


def jpeg_bytes(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def as_jpeg(image: Image.Image, quality: int = 85) -> Image.Image:
    """The picture after a trip through a JPEG file."""
    return Image.open(io.BytesIO(jpeg_bytes(image, quality))).convert("RGB")
