"""decode: a stranger's bytes become pixels."""

from __future__ import annotations

from pipeline.items import Batch, Item
from pipeline.ports import Decoder
from pipeline.stages.each import Threads, each


class Decode:
    """Images are decoded side by side on `threads`; Pillow lets go of the interpreter's lock while it works."""

    name = "decode"

    def __init__(self, decoder: Decoder, threads: Threads) -> None:
        self._decoder = decoder
        self._threads = threads

    def __call__(self, batch: Batch) -> Batch:
        """Fill `pixels` and `frames` of the items that were not recalled."""
        return each(self.name, batch, self._decode, self._threads)

    def _decode(self, item: Item) -> None:
        if item.features is None:
            decoded = self._decoder.decode(item.image)
            item.pixels, item.frames = decoded.pixels, decoded.frames
