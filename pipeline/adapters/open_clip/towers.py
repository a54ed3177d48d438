"""Finds which device and number format the image tower runs in, by looking at the machine and measuring on it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import structlog
import torch
import torch.nn.functional as F  # noqa: N812  its name everywhere

from pipeline.errors import ModelError

ImageTower = Callable[[torch.Tensor], torch.Tensor]
"""Normalised images ``[B,3,H,W]`` to features ``[B,D]``, not normalised, both in the tower's own dtype."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LEAST_COSINE = 0.999
"""Features of a faster format must point this near to float32's, on every trial image."""
LEAST_GAIN = 1.1
"""Below this, a faster format is not worth its rounding."""
CLEAR_GAIN = 1.25
"""A gain above or below `LEAST_GAIN` by this factor is believed at once; a closer one is measured again."""
TRIAL_IMAGES = 16
TRIALS = 3
BFLOAT16_GENERATION = 8
"""CUDA compute capability from which bfloat16 runs at full speed (Ampere)."""


def choose_device(asked: str) -> torch.device:
    """``auto`` is the first of cuda, mps and cpu that is there. Raises `ModelError` for a device that is not."""
    if asked == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(asked)
        torch.zeros(1, device=device).tolist()  # "meta" makes tensors, and computes nothing
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"there is no device {asked!r} here: use auto, cpu, cuda, cuda:1, ... or mps") from error
    return device


def choose_dtype(asked: str, device: torch.device) -> torch.dtype | None:
    """The dtype asked for or that suits the device, None where only `settle` can tell. Raises `ModelError`."""
    if asked != "auto":
        if asked not in DTYPES:
            raise ModelError(f"unknown dtype {asked!r}: use auto, {', '.join(DTYPES)}")
        return DTYPES[asked]
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if major >= BFLOAT16_GENERATION else torch.float16
    return None if device.type == "cpu" and _has_bfloat16() else torch.float32


def _has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; without that it is emulated and slower."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        found = ask()
        return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    older = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in older)


def to_device(visual: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """The same tower, moved to the device, its convolutions in the memory order in which uint8 images arrive.

    Channels last made the bundled convolutional tower 1.3 (float32) to 1.7 (bfloat16) times as fast on a CPU.
    """
    if visual.training:
        visual.eval()
    moved: torch.nn.Module = visual.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
    return moved


def tower_of(visual: torch.nn.Module) -> ImageTower:
    """A call that gives features alone, where some towers (CoCa) also give their tokens."""

    def call(images: torch.Tensor) -> torch.Tensor:
        out: Any = visual(images)
        features: torch.Tensor = out[0] if isinstance(out, tuple) else out
        return features

    return call


def settle(visual: torch.nn.Module, size: tuple[int, int]) -> tuple[torch.nn.Module, torch.dtype]:
    """float32 or bfloat16 on this CPU, by trial: bfloat16 only where its features agree and it is really faster.

    Takes one pass over 16 images in each format, up to three where they are close (2 s for ViT-B-32 on one core), and
    a second copy of the tower meanwhile. Set torch's threads to one before: only the caller's own thread is timed.
    """
    full = to_device(visual, torch.device("cpu"), torch.float32)
    half = to_device(copy.deepcopy(visual), torch.device("cpu"), torch.bfloat16)
    images = _trial_images(size)
    with torch.inference_mode():
        cosine, gain = _compare(full, half, images)
    chosen = half if cosine >= LEAST_COSINE and gain >= LEAST_GAIN else full
    structlog.get_logger().debug(
        "dtype_chosen", dtype=str(_dtype(chosen)), cosine=round(cosine, 5), gain=round(gain, 2)
    )
    return chosen, _dtype(chosen)


def _dtype(tower: torch.nn.Module) -> torch.dtype:
    return next(tower.parameters()).dtype


def _compare(full: torch.nn.Module, half: torch.nn.Module, images: torch.Tensor) -> tuple[float, float]:
    """The least cosine of the two towers' features, and how many times as fast the second is, each at its best."""
    cosine, best = 0.0, [float("inf"), float("inf")]
    for _ in range(TRIALS):
        passes = [_timed(tower, images) for tower in (full, half)]
        cosine = float(F.cosine_similarity(passes[0][0], passes[1][0]).min())
        best = [min(least, seconds) for least, (_, seconds) in zip(best, passes, strict=True)]
        if _is_clear(best[0] / best[1]):
            break
    return cosine, best[0] / best[1]


def _is_clear(gain: float) -> bool:
    return not 1 / CLEAR_GAIN < gain / LEAST_GAIN < CLEAR_GAIN


def _timed(tower: torch.nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, float]:
    """``float32[B,D]`` features of one pass, with the conversion of its input, and its seconds of CPU time.

    The clock would mislead: on two cores that others keep busy, the same bfloat16 tower came out 0.65 to 2.6 times as
    fast as float32 by the clock, so that two starts chose differently, and 1.6 to 1.8 times by CPU time.
    """
    started = time.thread_time()
    features = tower_of(tower)(images.to(_dtype(tower)))
    return features.float(), time.thread_time() - started


def _trial_images(size: tuple[int, int]) -> torch.Tensor:
    """``float32[16,3,H,W]``, always the same: smooth blotches with grain, as unlike each other as photographs."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(TRIAL_IMAGES, 3, 5, 5, generator=generator)
    smooth = F.interpolate(coarse, size=size, mode="bicubic")
    grain = torch.randn(smooth.shape, generator=generator)
    return (smooth + 0.2 * grain).contiguous(memory_format=torch.channels_last)
