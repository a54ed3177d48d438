"""The very pixels that the model was shown of a view, and what it says of others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EncoderError, ItemError, Reason
from pipeline.items import Pixels
from pipeline.path.encode import NOT_FINITE
from pipeline.ports import Decoder, Encoder
from pipeline.rules.archive.remembered import as_kept
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.second_look import turned
from pipeline.signals import Regions, Signals

IN_ONE_PASS = 64


class Shown:
    """Shows the model any views, and judges each as if it were all that is seen of an image."""

    def __init__(
        self, encoder: Encoder, compiled: CompiledPolicies, signals: Signals, advance: Callable[[int], object]
    ) -> None:
        self._encoder = encoder
        self._compiled = compiled
        self._regions: Regions = signals.regions[:1]
        self._made_by = signals.made_by
        self._advance = advance
        self.passes = 0
        """Views that the model was shown so far."""

    def scores(self, pixels: Pixels) -> NDArray[np.float64]:
        """``uint8[B,H,W,3]`` to ``float64[B,K]``. Raises `EncoderError`."""
        return np.concatenate(
            [self._scores(pixels[at : at + IN_ONE_PASS]) for at in range(0, len(pixels), IN_ONE_PASS)]
        )

    def _scores(self, pixels: Pixels) -> NDArray[np.float64]:
        features = self._encoder.encode_images(pixels)
        if not np.isfinite(features).all():
            raise EncoderError(NOT_FINITE)
        self.passes += len(pixels)
        self._advance(len(pixels))
        alone = [Signals(row[np.newaxis], self._regions, self._made_by) for row in as_kept(features)]
        return self._compiled.look(alone).scores


def _row(pixels: Pixels, at: int) -> Pixels:
    if at >= len(pixels):
        raise ItemError(Reason.DECODE_FAILED, "the image gives other views than it gave when it was judged")
    return np.ascontiguousarray(pixels[at])


def pixels_of(decoder: Decoder, image: bytes, signals: Signals, view: int) -> Pixels:
    """``uint8[H,W,3]``: what the model was shown of that view, those of a second look counted last.

    Raises `ItemError` where the image does not give those views any more.
    """
    first = decoder.decode(image)
    if view < len(signals.features):
        return _row(first.pixels, view)
    closer, at = signals.closer, view - len(signals.features)
    if closer is None:
        raise IndexError(view)
    how = closer.turned[at]
    if how is None:
        return _row(decoder.tiles(image).pixels, at - sum(each is not None for each in closer.turned))
    [source] = np.flatnonzero(first.regions == closer.regions[at])[:1].tolist() or [len(first.pixels)]
    made = turned(_row(first.pixels, source), how)
    return _row(first.pixels, source) if made is None else np.ascontiguousarray(made)
