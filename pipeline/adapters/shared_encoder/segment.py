"""Memory that a client shares with the encoder: pixels in, features out, for a fixed number of views.

It has no name in the file system: the client makes it, hands its descriptor to the server, and it is gone with the
last of the two. Nothing is left over by a crash.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile

import numpy as np

from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from pipeline.signals import Features

_SEALS = hasattr(os, "memfd_create")


class Segment:
    """``pixels: uint8[views,H,W,3]`` and ``features: float32[views,D]`` over shared memory."""

    def __init__(self, fd: int, spec: EncoderSpec, views: int, *, from_a_stranger: bool = False) -> None:
        """Map it; `fd` stays the caller's. Raises ``ValueError`` when it is too small for that many views.

        Memory `from_a_stranger` must also be sealed against shrinking: to touch what has been cut off ends a process.
        """
        if from_a_stranger and not _is_sealed(fd):
            raise ValueError("memory that can shrink")
        shape, features = _shapes(spec, views)
        pixel_bytes, feature_bytes = _sizes(spec, views)
        self.views = views
        memory = mmap.mmap(fd, pixel_bytes + feature_bytes)
        self.features: Features = np.frombuffer(memory, np.float32, feature_bytes // 4).reshape(features)
        self.pixels: Pixels = np.frombuffer(memory, np.uint8, pixel_bytes, feature_bytes).reshape(shape)

    @staticmethod
    def size(spec: EncoderSpec, views: int) -> int:
        """Bytes of memory for that many views and their features."""
        return sum(_sizes(spec, views))


def create(spec: EncoderSpec, views: int) -> int:
    """A descriptor of zeroed memory for that many views, without a name; the caller closes it."""
    size = Segment.size(spec, views)
    if _SEALS:
        fd = os.memfd_create("sluice-encoder", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    else:  # macOS: a file without a name does the same
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
        os.ftruncate(fd, size)
    return fd


def _is_sealed(fd: int) -> bool:
    return not _SEALS or bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK)


def _shapes(spec: EncoderSpec, views: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (views, *spec.image_size, 3), (views, spec.features)


def _sizes(spec: EncoderSpec, views: int) -> tuple[int, int]:
    height, width = spec.image_size
    return views * height * width * 3, views * spec.features * 4
