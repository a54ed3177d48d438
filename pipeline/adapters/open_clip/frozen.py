"""Traces and freezes the image tower for CPUs: untraced, each of its operations fetches Python's lock."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import structlog
import torch
import torch.nn.functional as F  # noqa: N812  its name everywhere

from pipeline.adapters.open_clip.origin import first_line
from pipeline.adapters.open_clip.packed import packed
from pipeline.adapters.open_clip.towers import LEAST_COSINE, ImageTower, tower_of

TRACED, CHECKED = 2, 3
"""Images in the batch that is traced and in the one it is checked on. They differ and neither is 1, so that a tower
whose trace only holds for one batch size shows it."""
PACKED_FOR = 8
"""Images in the batch for which weights are laid out."""


def frozen(visual: torch.nn.Module, size: tuple[int, int], dtype: torch.dtype) -> ImageTower:
    """The same tower as one call into torch, its convolutions packed and batch norms folded; unchanged if that fails.

    During the call Python's lock is free, so that lanes and decoding do not wait for each other: with two lanes the
    bundled model takes 36 ms for 64 images where it took 44 to 57, a ViT 3% less. ``torch.compile`` would need a C++
    compiler on the machine and half a minute at every start. TorchScript is deprecated: where it has gone, or cannot
    trace a tower, nothing is lost but that speed.
    """
    tower = tower_of(visual)
    for candidate in _candidates(visual, _noise(PACKED_FOR, size, dtype)):
        try:
            return _checked(tower, _traced(candidate, size, dtype), _noise(CHECKED, size, dtype))
        except Exception as error:  # noqa: BLE001  whatever a tower does that cannot be traced, it runs untraced
            structlog.get_logger().debug("tower_not_frozen", reason=first_line(error))
    return tower


def _candidates(visual: torch.nn.Module, example: torch.Tensor) -> Sequence[torch.nn.Module]:
    """What is worth tracing, the fastest first."""
    try:
        faster = packed(visual, example)
    except Exception as error:  # noqa: BLE001  whatever a tower does that cannot be taken apart, it is left whole
        structlog.get_logger().debug("tower_not_packed", reason=first_line(error))
        return [visual]
    return [visual] if faster is visual else [faster, visual]


def _traced(visual: torch.nn.Module, size: tuple[int, int], dtype: torch.dtype) -> ImageTower:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced: Any = torch.jit.trace(visual, _noise(TRACED, size, dtype), check_trace=False)
        return tower_of(torch.jit.freeze(traced))


@torch.no_grad()
def _checked(tower: ImageTower, candidate: ImageTower, noise: torch.Tensor) -> ImageTower:
    """The candidate, seen to give what the tower gives on `noise`. Raises ValueError where it does not."""
    cosine = float(F.cosine_similarity(tower(noise).float(), candidate(noise).float()).min())
    if cosine < LEAST_COSINE:
        raise ValueError(f"features of another direction (cosine {cosine:.4f})")
    return candidate


def _noise(count: int, size: tuple[int, int], dtype: torch.dtype) -> torch.Tensor:
    """``dtype[count,3,H,W]`` in the memory order in which images arrive."""
    generator = torch.Generator().manual_seed(count)
    return torch.randn((count, *size, 3), generator=generator).permute(0, 3, 1, 2).to(dtype)
