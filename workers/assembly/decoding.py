"""Which decoder makes pixels of images, and in which processes it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pipeline.adapters.decode_processes import DecodeProcesses, Limits, NoProcessError, ProcessDecoder
from pipeline.adapters.model_configs import image_size
from pipeline.errors import ServiceError
from pipeline.ports import Decoder, EncoderSpec, Hooks
from workers.settings import Settings

NO_MODEL = EncoderSpec("none", "", "", (64, 64), (0.5,) * 3, (0.5,) * 3, "bicubic", "shortest", 0, 0, 1.0, None)
DecoderFor = Callable[[EncoderSpec], Decoder]


class Decoding:
    """The decoder of these settings, begun before it is known for which model it makes pixels."""

    def __init__(self, settings: Settings, hooks: Hooks) -> None:
        """Start what takes a while.

        Raises `ServiceError` where no process can be started, and `SettingsError` without the device that is asked.
        """
        self._make = _pillow(settings)
        self._outer = _nvjpeg(settings)
        self.processes: DecodeProcesses | None = None
        """Those that decode; None where this process does."""
        if settings.decode_in == "processes":
            limits = Limits(settings.decode_cpu_timeout, settings.decode_timeout, settings.decode_memory)
            try:
                self.processes = DecodeProcesses(self._make, limits, most=settings.cores, hooks=hooks)
            except NoProcessError as error:
                raise _cannot(error) from error

    def decoder(self, spec: EncoderSpec) -> Decoder:
        """The decoder for a model. Raises `ServiceError` where no process can be started."""
        try:
            inner = self._make(spec) if self.processes is None else ProcessDecoder(self.processes, spec)
        except NoProcessError as error:
            raise _cannot(error) from error
        return inner if self._outer is None else self._outer(spec, inner)


def decoder_alone(settings: Settings) -> Decoder:
    """A decoder without a model, to see whether a worker takes something for an image.

    Its pixels are as large as the model's, where that is known without it: so much is seen of what may be missing.
    """
    return _pillow(settings)(replace(NO_MODEL, image_size=image_size(settings.model)))


def drawing(decoding: Decoding) -> Decoder:
    """A decoder that is to draw thumbnails, whatever the model; its pixels fit none. Raises `ServiceError`."""
    return decoding.decoder(NO_MODEL)


def decoder_here(settings: Settings, spec: EncoderSpec) -> Decoder:
    """The decoder for a model, in this process: for commands that read a few pictures of their own user's at most."""
    inner, outer = _pillow(settings)(spec), _nvjpeg(settings)
    return inner if outer is None else outer(spec, inner)


def preprocess_of(settings: Settings, spec: EncoderSpec) -> str:
    """What a worker with these settings calls its preprocessing; no process is started and no device is asked for."""
    alone = _pillow(settings)(spec).name
    return alone if settings.jpeg_decoder == "pillow" else f"nvjpeg+{alone}"


def _cannot(error: NoProcessError) -> ServiceError:
    return ServiceError(f"{error}; with --decode-in threads images are decoded without such processes")


def _pillow(settings: Settings) -> DecoderFor:
    from pipeline.adapters.pillow import PillowDecoder

    return partial(
        PillowDecoder,
        preprocess=settings.preprocess,
        coverage=settings.coverage,
        max_frames=settings.max_frames,
        max_pixels=settings.max_pixels,
        max_views=settings.max_views,
    )


def _nvjpeg(settings: Settings) -> Callable[[EncoderSpec, Decoder], Decoder] | None:
    """What puts a device for plain JPEGs before a decoder that takes everything; None where there is to be none."""
    if settings.jpeg_decoder == "pillow":
        return None
    from pipeline.adapters.nvjpeg import NvjpegDecoder, cuda_device

    device = cuda_device(settings.device)
    coverage = settings.coverage if settings.preprocess == "fast" else "centre"
    return partial(NvjpegDecoder, device=device, coverage=coverage, max_pixels=settings.max_pixels)
