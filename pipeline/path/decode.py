"""decode: a stranger's bytes become pixels."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pipeline.errors import LostDecoderError
from pipeline.items import Batch, Item
from pipeline.path.each import each
from pipeline.path.keeps import Keeps, no_image
from pipeline.ports import Decoded, Decoder

_log = structlog.get_logger(__name__)


class Decode:
    """Decodes one image after another. Decoders do not keep the interpreter's lock: threads do this side by side."""

    name = "decode"

    def __init__(
        self, decoder: Decoder, keeps: Keeps = no_image, needs_pdq: Callable[[], bool] = lambda: False
    ) -> None:
        """`keeps` says of which items a later stage needs the image once more; that stage lets go of it.

        `needs_pdq` says whether a live list has PDQ hashes: they cost as much again as decoding a still.
        """
        self._decoder = decoder
        self._keeps = keeps
        self._needs_pdq = needs_pdq

    def __call__(self, batch: Batch) -> Batch:
        """Fill `pixels`, `regions`, `unseen` and `pdq` where they were not recalled, and let go of each `image`."""
        return each(self.name, batch, self._decode)

    def _decode(self, item: Item) -> None:
        if item.signals is None:
            decoded = self._decoded(item)
            item.pixels, item.regions, item.unseen = decoded.pixels, decoded.regions, decoded.unseen
            item.notes += decoded.notes
        if self._needs_pdq() and (item.signals is None or item.signals.pdq is None):
            item.pdq = self._decoder.pdq(item.image)
        if not self._keeps(item):
            item.image = b""  # nothing else holds the image of a claim check

    def _decoded(self, item: Item) -> Decoded:
        try:
            return self._decoder.decode(item.image)
        except LostDecoderError as error:
            event = item.event
            place = {"topic": event.topic, "partition": event.partition, "offset": event.offset}
            _log.error("image_ended_its_decoder", **place, reason=error.reason.value, error=str(error))
            raise
