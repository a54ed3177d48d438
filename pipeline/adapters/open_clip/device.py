"""The forward pass of the image tower, and the plain way to run it: in, through, out, one batch after another."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  its name everywhere

from pipeline.adapters.open_clip.towers import ImageTower
from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from pipeline.signals import Features


class Forward:
    """Normalisation, the image tower, and features of unit length, all on the device.

    Nothing here waits for the device or asks it for a value, so that the whole can be captured as a CUDA graph.
    """

    def __init__(self, spec: EncoderSpec, tower: ImageTower, device: torch.device, dtype: torch.dtype) -> None:
        self.spec = spec
        self._tower = tower
        self._dtype = dtype
        # For a whole row of pixels: over three channels alone, a CPU would do this at a sixth of the speed.
        row = spec.image_size[1]
        self._mean = torch.tensor(spec.mean, device=device).repeat(row) * 255.0
        self._scale = 1.0 / (torch.tensor(spec.std, device=device).repeat(row) * 255.0)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``, both on the device.

        As uint8 a quarter of float32's bytes cross the bus.
        """
        rows = pixels.flatten(2).to(torch.float32)
        normalised = rows.sub_(self._mean).mul_(self._scale).to(self._dtype)
        return unit(self._tower(normalised.unflatten(2, (-1, 3)).permute(0, 3, 1, 2)))


def unit(features: torch.Tensor) -> torch.Tensor:
    """``[N,D]`` of any dtype to L2-normalised ``float32[N,D]``."""
    return F.normalize(features.float(), dim=-1)


class Device(Protocol):
    """Runs forward passes. Calls may raise what torch raises: `torch.OutOfMemoryError`, or RuntimeError."""

    def encode(self, pixels: Pixels) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``, finished and in the caller's own memory.

        B is at most what it was made for.
        """

    def warm_up(self, most: int) -> tuple[int, ...]:
        """Pay now for what the first batches would wait for, up to `most` images; the sizes that were prepared."""

    def release(self) -> None:
        """After memory ran out: give back all that is held for speed alone. Passes stay right without it."""


class EagerDevice:
    """Runs each pass by itself, on a CPU or on mps. Memory is claimed as needed, only kernels are prepared."""

    def __init__(self, forward: Forward, device: torch.device) -> None:
        self._forward = forward
        self._device = device

    def encode(self, pixels: Pixels) -> Features:
        """Several threads may call it at a time on a CPU, and on no other device."""
        images = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
        features: Features = self._forward(images.to(self._device)).cpu().numpy()
        return features

    def warm_up(self, most: int) -> tuple[int, ...]:
        """On a CPU one image is enough; a whole batch would cost a large model half a minute and gain nothing."""
        sizes = (1,) if self._device.type == "cpu" or most == 1 else (1, most)
        for size in sizes:
            self.encode(np.zeros((size, *self._forward.spec.image_size, 3), np.uint8))
        return sizes

    def release(self) -> None:
        """Holds nothing itself, and gives back what torch keeps for the next pass."""
        torch.cuda.empty_cache()
