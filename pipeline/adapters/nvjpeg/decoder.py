"""The Decoder port with a device for plain JPEGs, and another decoder for everything else.

The other decoder, the fallback, decides: an image that is not plain, is too large for the device, is a strip, has
borders, panels or colours other than sRGB's, or is refused by the device goes to it untouched. So no image fails by
the device. A file whose scan is damaged inside may get other pixels than from libjpeg, which fills in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import structlog
import torch
from PIL import Image

from pipeline.adapters.nvjpeg.device import JpegDevice, Made, StoredJpeg
from pipeline.adapters.nvjpeg.turns import Turns
from pipeline.adapters.pillow.colour import AS_IT_IS, to_srgb
from pipeline.adapters.pillow.sketching import sketch_of
from pipeline.errors import ItemError, SettingsError
from pipeline.ports import Decoded, Decoder, EncoderSpec
from pipeline.rules.images.formats import sniff
from pipeline.rules.images.headers.jpeg import read_jpeg
from pipeline.rules.images.jpeg import PlainJpeg, plain_jpeg
from pipeline.rules.images.layout import is_plain
from pipeline.rules.images.views import Coverage
from pipeline.signals import Pdqs

MAX_DEVICE_PIXELS = 25_000_000
"""Scaled in float32, an image of that size takes 300 MB of the device for a moment."""
BATCH_PIXELS = 64_000_000
"""Most pixels decoded together: 192 MB of the device, besides what nvJPEG takes itself."""
INSTEAD = "use --jpeg-decoder pillow"

_log = structlog.get_logger(__name__)


class NvjpegDecoder:
    """Plain JPEGs on `device`, everything else by `fallback`. Any thread may call: their JPEGs go together.

    `coverage` must be the fallback's. JPEGs are decoded at full scale and their pixels made in floating point, not by
    libjpeg (the tests hold the cosine of the features at 0.99 or above). Views come back to the host, and one more to
    look for borders in where no view is all of the still; each has 3 * H * W bytes, 150 KB at 224. Of the device's
    memory it takes at most 0.6 GB, besides what nvJPEG takes itself.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        fallback: Decoder,
        *,
        device: torch.device,
        coverage: Coverage = "whole",
        max_pixels: int = MAX_DEVICE_PIXELS,
    ) -> None:
        """Decode a trial image. Raises `SettingsError` when JPEGs cannot be decoded on that device."""
        self._fallback = fallback
        self._max_pixels = min(max_pixels, MAX_DEVICE_PIXELS)
        self._turns = Turns(self._made, BATCH_PIXELS)
        self.name = f"nvjpeg+{fallback.name}"
        try:
            self._device = JpegDevice(spec, device, coverage)
            self._device.made([_trial()])
        except Exception as error:
            why = str(error).partition("\n")[0]
            raise SettingsError(f"JPEGs cannot be decoded on {device} ({why}): {INSTEAD}") from error

    def decode(self, image: bytes) -> Decoded:
        """``uint8[V,H,W,3]`` of all views of all sampled frames; raises `ItemError`, and nothing else."""
        try:
            stored = self._for_device(image)
        except ItemError:
            stored = None
        if stored is not None:
            width, height = stored.header.size
            made = self._turns(stored, width * height)
            if made is not None and (made.whole is None or is_plain(sketch_of(Image.fromarray(made.whole)))):
                return Decoded(made.views, self._device.regions(stored.size))
        return self._fallback.decode(image)

    def tiles(self, image: bytes) -> Decoded:
        """As the fallback does: few images are looked at twice."""
        return self._fallback.tiles(image)

    def pdq(self, image: bytes) -> Pdqs:
        """Likewise."""
        return self._fallback.pdq(image)

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        """Likewise."""
        return self._fallback.thumbnail(image, frame)

    def _for_device(self, image: bytes) -> StoredJpeg | None:
        """The image as the device takes it, else None; no memory is spent yet. Raises `ItemError`."""
        header = plain_jpeg(image) if sniff(image) == "JPEG" else None
        if header is None or header.size[0] * header.size[1] > self._max_pixels:
            return None
        if not (self._device.takes(header.size) and self._device.takes(header.size[::-1])):
            return None
        if not header.is_tagged:
            return StoredJpeg(image, header, 1)
        tags = read_jpeg(image, self._max_pixels, lambda _size, _colour: 1, fast=True)
        if to_srgb(tags.colour, "L" if header.components == 1 else "RGB") != AS_IT_IS:
            return None
        return StoredJpeg(image, header, tags.orientation)

    def _made(self, jpegs: Sequence[StoredJpeg]) -> list[Made | None]:
        """What was made of each, None where the device refuses it.

        The device does not say which of several it refuses, so they are tried again one by one.
        """
        try:
            return list(self._device.made(jpegs))
        except Exception as error:  # noqa: BLE001  a decoder of hostile bytes may raise anything at all
            if len(jpegs) > 1:
                return [made for each in jpegs for made in self._made([each])]
            _log.debug("jpeg_refused_by_device", error=str(error).partition("\n")[0])
            return [None]


def cuda_device(asked: str) -> torch.device:
    """The CUDA device of a model on `asked` (``auto``, ``cuda:1``, ...). Raises `SettingsError` for other devices."""
    try:
        device = torch.device("cuda" if asked == "auto" else asked)
        if device.type == "cuda":
            torch.zeros(1, device=device)
            return device
    except (RuntimeError, AssertionError):
        pass  # torch is built without CUDA, the machine is without a device, or the name means nothing
    raise SettingsError(f"--jpeg-decoder nvjpeg needs a CUDA device, and --device {asked} gives none: {INSTEAD}")


def _trial() -> StoredJpeg:
    out = BytesIO()
    Image.new("RGB", (64, 64), (200, 100, 50)).save(out, "JPEG")
    return StoredJpeg(out.getvalue(), PlainJpeg((64, 64), 3, is_tagged=False, end=len(out.getvalue())), 1)
