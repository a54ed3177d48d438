"""The model, the preprocessing that fits it, and where both run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pipeline.adapters.shared_encoder import SharedEncoder
from pipeline.ports import Decoder, Encoder, EncoderSpec
from workers.process.startup import no_collection
from workers.settings import Settings


@dataclass(frozen=True)
class Model:
    """A loaded model with the preprocessing that fits it."""

    encoder: Encoder
    decoder: Decoder
    apart: bool = False
    """Whether the model computes elsewhere than on the cores that decode."""


def load_model(settings: Settings) -> Model:
    """Load and warm the model; takes seconds. Raises `ModelError` when it cannot be had.

    Where another process serves the model, only its name and shape are loaded: then torch is not even imported,
    unless JPEGs are decoded on the device. Raises `ServiceError` when that process does not answer, `SettingsError`
    when there is no device to decode on.
    """
    decoder_for = _decoder_maker(settings)  # before the model: a device that is not there shows at once
    with no_collection():
        encoder = load_encoder(settings)
    return Model(encoder, decoder_for(encoder.spec), _apart(settings))


def _decoder_maker(settings: Settings) -> Callable[[EncoderSpec], Decoder]:
    from pipeline.adapters.pillow import PillowDecoder

    by_pillow = partial(
        PillowDecoder,
        preprocess=settings.preprocess,
        coverage=settings.coverage,
        max_frames=settings.max_frames,
        max_pixels=settings.max_pixels,
        max_views=settings.max_views,
    )
    if settings.jpeg_decoder == "pillow":
        return by_pillow
    from pipeline.adapters.nvjpeg import NvjpegDecoder, cuda_device

    device = cuda_device(settings.device)
    coverage = settings.coverage if settings.preprocess == "fast" else "centre"
    return lambda spec: NvjpegDecoder(
        spec, by_pillow(spec), device=device, coverage=coverage, max_pixels=settings.max_pixels
    )


def _apart(settings: Settings) -> bool:
    if settings.encoder_socket is not None:
        return True
    from pipeline.adapters.open_clip import choose_device

    return choose_device(settings.device).type != "cpu"


def load_encoder(settings: Settings) -> Encoder:
    """The encoder of `load_model` alone. Raises what that raises."""
    if settings.encoder_socket is not None:
        return SharedEncoder(settings.encoder_socket, max_batch=settings.max_batch)
    from pipeline.adapters import open_clip  # seconds of imports, after the settings are known to hold

    return open_clip.load_encoder(
        settings.model,
        settings.pretrained,
        device=settings.device,
        dtype=settings.dtype,
        max_batch=settings.max_batch,
        threads=settings.cores,
    )
