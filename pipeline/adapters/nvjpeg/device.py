"""Makes a model's pixels of a batch of plain JPEGs on one torch device: decode, turn upright, cut, scale.

This is known of ``torchvision.io.decode_jpeg`` on CUDA (torchvision 0.29, nvJPEG 13, their sources and issues), and
this follows from it here:

- All calls of a process share one nvJPEG decoder behind one lock. A list costs far less than its images one by one:
  0.13 ms an image in lists of 100 against 0.60 ms on an A100 (pytorch/vision 8496). So calls are gathered.
- A list fails as a whole, with a RuntimeError that does not say which image it was.
- nvJPEG writes its output without waiting for the work that is queued on the caller's stream (pytorch/vision 9606,
  meta-pytorch/torchcodec 1634): in memory that the allocator hands out again it overwrites what queued kernels have
  yet to read, such as the encoder's. Memory is handed out again within one stream only, so all of it is done on a
  stream of its own, by one thread at a time, and the stream is drained before the next batch.
- Baseline files go through the JPEG engine of GPUs that have one (A100 and its successors in data centres), the rest
  through CUDA with Huffman decoding on the host. Damaged scans are not refused for certain. CUDA < 11.6 leaks.
- EXIF is ignored. Chroma is not smoothed when it is scaled up, unlike in libjpeg; little of it is left at a model's
  size.
- torchvision deprecates it in favour of ``torchcodec.decoders.decode_jpeg``, which takes over from torch 2.11 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  its name everywhere

from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from pipeline.rules.images.jpeg import PlainJpeg
from pipeline.rules.images.plans import Plan, plan_for
from pipeline.rules.images.views import Coverage, Piece, Size, interpolation, recipe
from pipeline.signals import Regions

REDUCING_GAP = 2.0
"""How much larger than its target an image stays after its first reduction, by the means of whole blocks of pixels.

The same as Pillow's. The reduction reads each pixel once; and bicubic scaling alone would fail from a factor of 47
on, as CUDA's kernel keeps its weights in 48 KB of shared memory.
"""

LYING = range(5, 9)
"""EXIF's orientations that swap the sides."""


@dataclass(frozen=True, slots=True)
class StoredJpeg:
    """A plain JPEG, with what its markers and its EXIF say."""

    data: bytes
    header: PlainJpeg
    orientation: int
    """In EXIF's numbers; 1 is upright."""

    @property
    def size(self) -> Size:
        """Its size as viewers show it."""
        width, height = self.header.size
        return (height, width) if self.orientation in LYING else (width, height)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of one JPEG, in the host's memory."""

    views: Pixels
    """``uint8[V,H,W,3]``"""
    whole: Pixels | None
    """``uint8[H,W,3]``: the whole still, squashed, to look for borders in; None with ``centre`` coverage."""


class JpegDevice:
    """Makes the pixels of `spec` on `device`, a CUDA device or, for tests, the CPU. For one thread at a time."""

    def __init__(self, spec: EncoderSpec, device: torch.device, coverage: Coverage) -> None:
        height, width = spec.image_size
        self._target = (width, height)
        self._resize_mode = spec.resize_mode
        self._interpolation = interpolation(self._target, spec.resize_mode, spec.interpolation)
        self._coverage: Coverage = coverage
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def takes(self, size: Size) -> bool:
        """Whether this device can make all views of a still of that size; it cannot fold a strip."""
        plan = self._plan(size)
        several = len(plan.views) > 1 and self._coverage == "centre"
        return not several and all(len(view) == 1 for view in plan.views)

    def regions(self, size: Size) -> Regions:
        """Where the views of a still of that size, as shown, are taken, if this device takes it; read-only."""
        return self._plan(size).regions

    def _plan(self, size: Size) -> Plan:
        return plan_for(size, self._target, self._resize_mode, self._coverage)

    def made(self, jpegs: Sequence[StoredJpeg]) -> list[Made]:
        """The views of each, 3 * H * W bytes a view; raises what torch raises when one is refused."""
        with torch.inference_mode(), torch.cuda.stream(self._stream) if self._stream else nullcontext():
            try:
                stills = [_upright(*each) for each in zip(self._decoded(jpegs), jpegs, strict=True)]
                rows = [self._rows(still) for still in stills]
                pixels = torch.cat(rows).permute(0, 2, 3, 1).contiguous().cpu().numpy()
                ends = np.cumsum([len(each) for each in rows])
                return [self._one(each) for each in np.split(pixels, ends[:-1])]
            finally:
                if self._stream is not None:
                    self._stream.synchronize()

    def _decoded(self, jpegs: Sequence[StoredJpeg]) -> list[torch.Tensor]:
        """``uint8[1 or 3,H,W]`` each, as stored. UNCHANGED keeps grey at one channel, in the same list as colour."""
        # It is deprecated, so only who uses it imports it.
        from torchvision.io import ImageReadMode, decode_jpeg  # noqa: PLC0415

        files = [torch.frombuffer(bytearray(each.data[: each.header.end]), dtype=torch.uint8) for each in jpegs]
        decoded = list(decode_jpeg(files, ImageReadMode.UNCHANGED, self._device))
        for pixels, stored in zip(decoded, jpegs, strict=True):
            width, height = stored.header.size
            if pixels.shape != (stored.header.components, height, width):
                raise RuntimeError(f"decoded to {tuple(pixels.shape)}, not as its header says")
        return decoded

    def _one(self, rows: Pixels) -> Made:
        if self._coverage == "centre":
            return Made(rows, None)
        return Made(rows[:-1], rows[-1]) if self._looks_apart(len(rows)) else Made(rows, rows[0])

    def _looks_apart(self, rows: int) -> bool:
        """Whether the whole still has a row of its own after the views, which show parts of it or have bars."""
        return rows > 1 or self._resize_mode == "longest"

    def _rows(self, still: torch.Tensor) -> torch.Tensor:
        """``uint8[V,3,H,W]``: the views of a still that stands upright, then all of it where it `_looks_apart`."""
        if self._coverage == "centre":
            return self._by_recipe(still)[None]
        pieces = [piece for view in self._plan(_size(still)).views for piece in view]
        if self._looks_apart(len(pieces)):
            pieces.append(Piece((0.0, 0.0, float(still.shape[2]), float(still.shape[1])), self._target))
        return torch.stack([self._cut(still, piece) for piece in pieces])

    def _cut(self, still: torch.Tensor, piece: Piece) -> torch.Tensor:
        """``uint8[3,H,W]``, the view of one piece; its box is taken to whole pixels."""
        left, top, right, bottom = (round(edge) for edge in piece.box)
        part = still[:, top : max(bottom, top + 1), left : max(right, left + 1)]
        (width, height), (x, y), (across, down) = piece.size, piece.at, self._target
        scaled = _scaled(part[None].float(), (height, width), self._interpolation)
        return self._placed(scaled, (x, across - width - x, y, down - height - y))

    def _by_recipe(self, still: torch.Tensor) -> torch.Tensor:
        """``uint8[3,H,W]``, the one view of open_clip's recipe."""
        across, down = self._target
        (width, height), (x, y) = recipe(_size(still), self._target, self._resize_mode)
        scaled = _scaled(still[None].float(), (height, width), self._interpolation)
        return self._placed(scaled, (-x, x + across - width, -y, y + down - height))

    def _placed(self, scaled: torch.Tensor, around: tuple[int, int, int, int]) -> torch.Tensor:
        """``uint8[3,H,W]`` of ``float32[1,C,h,w]`` with `around` left, right, top and below it; negative crops."""
        across, down = self._target
        return F.pad(scaled, around)[0].round().clamp(0, 255).byte().expand(3, down, across)


def _size(still: torch.Tensor) -> Size:
    return still.shape[2], still.shape[1]


def _scaled(image: torch.Tensor, wanted: tuple[int, int], interpolation: str) -> torch.Tensor:
    """``float32[1,C,H,W]`` to the (height, width) that is wanted: means of whole blocks first, then antialiased."""
    lengths = (image.shape[2], image.shape[3])
    factors = [max(1, int(length / (REDUCING_GAP * to))) for length, to in zip(lengths, wanted, strict=True)]
    # The last blocks may stand for less than a whole one, so the scale is given and the size is not. The scale is
    # rounded up a trifle: the size that follows from it might lack a pixel otherwise.
    scale = [to * f / length * (1 + 1e-7) for length, to, f in zip(lengths, wanted, factors, strict=True)]
    if factors != [1, 1]:
        image = F.avg_pool2d(image, factors, ceil_mode=True, count_include_pad=False)
    scaled = F.interpolate(image, scale_factor=scale, mode=interpolation, antialias=True)
    return scaled[..., : wanted[0], : wanted[1]]


def _upright(image: torch.Tensor, stored: StoredJpeg) -> torch.Tensor:
    """``[C,H,W]`` as viewers show it: orientations from 5 on swap the sides, then rows or columns are reversed."""
    orientation = stored.orientation
    if orientation in LYING:
        image = image.transpose(1, 2)
    reversed_sides = {2: [2], 3: [1, 2], 4: [1], 6: [2], 7: [1, 2], 8: [1]}.get(orientation)
    return image if reversed_sides is None else image.flip(reversed_sides)
