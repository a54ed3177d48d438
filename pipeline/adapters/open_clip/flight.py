"""Sends one batch at a time through one CUDA stream: copied in, one replay of a CUDA graph, copied out.

A pass of ViT-B-32 is 137 operations, each launched by Python under its lock, whatever the batch; a graph is one
launch. A graph holds for one batch size and for the memory that it was captured on. So there is one for each of the
prepared sizes, and every batch travels through the same buffers, filled up to the next size. Large batches gain
little on the device itself, but they too leave the lock to the threads that decode and publish.

What a flight needs of CUDA is the Protocol `Stream`, so that the tests run all the rest without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

import numpy as np
import torch

from pipeline.adapters.open_clip.device import Forward
from pipeline.adapters.open_clip.origin import first_line
from pipeline.items import Pixels
from pipeline.rules.flow.batching import filled_up
from pipeline.signals import Features

CLOSE = 5e-3
"""How far a replayed unit feature may be from the computed one, per element: bfloat16 rounds by less."""


class Stream(Protocol):
    """One queue of work on a device: what is queued runs in order, later, beside what other streams run."""

    def on_host(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Page-locked memory, which the device copies from and to by itself."""

    def on_device(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """The device's own memory, zeroed; whatever was queued on the device before this call is done after it."""

    def current(self) -> AbstractContextManager[object]:
        """Within the context, this thread's work on the device is queued on this stream."""

    def wait(self) -> None:
        """Return when all that was queued is done; Python's lock is free meanwhile."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record what `work` would queue, without doing it. What comes back queues it, on the very same memory.

        All graphs of a stream share their scratch memory, so a replay leaves nothing behind but what it wrote
        elsewhere. Raises RuntimeError when `work` does what cannot be captured, such as waiting for the device.
        """

    def release(self) -> None:
        """Free every graph together with its memory; none of them may be replayed again."""


class CaptureError(Exception):
    """The model cannot be captured; the message says why, on one line."""


class Flight:
    """One batch at a time through one stream, over buffers that stay: nothing is allocated for a batch.

    Rows beyond a batch hold what an earlier one left there. They are computed along with it and never read; images of
    one batch do not see each other.
    """

    def __init__(self, stream: Stream, forward: Forward, most: int) -> None:
        self._stream = stream
        self._forward = forward
        pixels, features = (most, *forward.spec.image_size, 3), (most, forward.spec.features)
        self._host_pixels = stream.on_host(pixels, torch.uint8)
        self._host_features = stream.on_host(features, torch.float32)
        self._pixels = stream.on_device(pixels, torch.uint8)
        self._features = stream.on_device(features, torch.float32)
        self._replays: dict[int, Callable[[], None]] = {}

    def encode(self, pixels: Pixels) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``, by the least graph that holds B, else computed."""
        size = filled_up(len(pixels), self._replays)
        return self._fly(pixels, self._computed(len(pixels)) if size is None else self._replays[size])

    def capture(self, sizes: Sequence[int]) -> None:
        """Capture a pass of each size, given in rising order. Raises `CaptureError`, or `torch.OutOfMemoryError`.

        The smallest comes first, as a model that cannot be captured shows it there at the least cost. The others
        follow from the largest down, so that each finds room in the scratch memory of the one before.
        """
        for size in (sizes[0], *reversed(sizes[1:])):
            if size not in self._replays:
                self._replays[size] = self._captured(size)

    def rehearse(self, size: int) -> tuple[Pixels, Features]:
        """Noise and its features, computed to load kernels and claim workspaces outside any capture."""
        shape = (size, *self._forward.spec.image_size, 3)
        noise = np.random.default_rng(size).integers(0, 256, shape, np.uint8)
        return noise, self._fly(noise, self._computed(size))

    def release(self) -> None:
        """Forget all graphs, not the large ones alone: those of one stream share more than their own memory.

        Torch frees a stream's cuBLAS workspace with any graph of it, and graphs that stay would go on writing there.
        """
        self._replays.clear()
        self._stream.release()

    def _captured(self, size: int) -> Callable[[], None]:
        """The replay of a captured pass, after it was seen to give what the model gives."""
        noise, expected = self.rehearse(size)
        try:
            replay = self._stream.capture(self._computed(size))
            with self._stream.current():
                self._features.zero_()
            found = self._fly(noise, replay)
        except RuntimeError as error:
            if (shortage := _shortage(error)) is not None:
                raise shortage from error
            raise CaptureError(first_line(error)) from error
        if not np.allclose(found, expected, rtol=0, atol=CLOSE, equal_nan=True):
            raise CaptureError("a replay gives other features than the model")
        return replay

    def _computed(self, size: int) -> Callable[[], None]:
        """A pass over the first `size` rows, from buffer to buffer."""
        return partial(self._compute, size)

    def _compute(self, size: int) -> None:
        self._features[:size].copy_(self._forward(self._pixels[:size]))

    def _fly(self, pixels: Pixels, work: Callable[[], None]) -> Features:
        count = len(pixels)
        np.copyto(self._host_pixels.numpy()[:count], pixels)
        with self._stream.current():
            self._pixels[:count].copy_(self._host_pixels[:count], non_blocking=True)
            work()
            self._host_features[:count].copy_(self._features[:count], non_blocking=True)
        self._stream.wait()
        return self._host_features.numpy()[:count].copy()


def _shortage(error: BaseException | None) -> torch.OutOfMemoryError | None:
    """The lack of memory behind an error, if any: a capture that it broke off ends with another error."""
    while error is not None and not isinstance(error, torch.OutOfMemoryError):
        error = error.__cause__ or error.__context__
    return error
