"""Python imports this as it starts, where the folder is on its path: then Pillow's decoder obeys the marks."""

from __future__ import annotations

from pipeline.adapters.pillow import PillowDecoder
from pipeline.ports import Decoded
from tests.poison import obey

_decode = PillowDecoder.decode


def _obeying(self: PillowDecoder, image: bytes) -> Decoded:
    obey(image)
    return _decode(self, image)


PillowDecoder.decode = _obeying  # type: ignore[method-assign]
