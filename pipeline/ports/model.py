"""What the path asks of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.items import Pixels
from pipeline.signals import Features
from pipeline.wire import ModelRef


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What the rest of the path must know of a model.

    ``logit_scale`` is already exponentiated (about 100 for CLIP). ``logit_bias`` is None for a softmax model and a
    number for one trained with a sigmoid loss (SigLIP). ``mean`` and ``std`` are per RGB channel on a 0..1 scale.
    """

    name: str
    fingerprint: str
    dtype: str
    image_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    resize_mode: str
    features: int
    context_length: int
    logit_scale: float
    logit_bias: float | None

    @property
    def ref(self) -> ModelRef:
        """The model as decisions name it."""
        return ModelRef(self.name, self.fingerprint, self.dtype)


class Encoder(Protocol):
    """A CLIP model on a device. Safe to call from many threads; calls block while the device works."""

    spec: EncoderSpec

    def encode_images(self, pixels: Pixels) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``. Raises `EncoderError` when the device fails.

        An image that overflows a 16-bit dtype comes back as NaN or infinity, which is for the caller to find.
        """

    def encode_texts(self, texts: Sequence[str]) -> Features:
        """N sentences to L2-normalised ``float32[N,D]``. Raises `EncoderError` when the device fails."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a sentence, its start and end marks included; those past `context_length` are cut off."""
