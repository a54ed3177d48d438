"""The Decoder port on decode processes: what becomes of an image that a process did not survive."""

from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

import numpy as np
import structlog

from pipeline.adapters.decode_processes.messages import Call, DecoderFaultError, Outcome
from pipeline.adapters.decode_processes.pool import DecodeProcesses
from pipeline.adapters.decode_processes.process import DeathError
from pipeline.errors import LostDecoderError, Reason
from pipeline.ports import Decoded
from pipeline.rules.images.formats import sniff
from pipeline.signals import Pdqs

Made = TypeVar("Made", Decoded, bytes, Pdqs)

LIMITS = {"cpu", "wall"}
"""The causes of death that the image itself brought about, so that it is not tried again."""
_log = structlog.get_logger(__name__)


class ProcessDecoder:
    """A decoder of the kind that the processes were made for, of which every method is called in one of them.

    An image whose process died is tried once more in a fresh one: the killer of processes may have hit it, or all at
    once, while it had an innocent image in hand, or an image before it may have broken something.
    """

    def __init__(self, processes: DecodeProcesses, *arguments: object) -> None:
        """Have the decoder made with these arguments. Raises `NoProcessError`."""
        self.processes = processes
        self.name = processes.ready(*arguments)

    def decode(self, image: bytes) -> Decoded:
        """As the decoder does, within limits: raises `LostDecoderError` at the limit or after the second death."""
        return self._ask(Call("decode"), image, Decoded)

    def tiles(self, image: bytes) -> Decoded:
        """Likewise."""
        return self._ask(Call("tiles"), image, Decoded)

    def pdq(self, image: bytes) -> Pdqs:
        """Likewise."""
        return self._ask(Call("pdq"), image, np.ndarray)

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        """Likewise."""
        return self._ask(Call("thumbnail", (frame,)), image, bytes)

    def _ask(self, call: Call, image: bytes, kind: type[Made]) -> Made:
        """Have the decoder called. Raises what it raises, `LostDecoderError`, and `StopError` without a process."""
        try:
            found = self.processes.ask(call, image)
        except DeathError as first:
            _tell(first, image)
            if first.cause in LIMITS:
                raise LostDecoderError(Reason.TOO_MUCH_WORK, f"{_what(image)}: decoding it {first}") from first
            found = self._again(call, image)
        if isinstance(found, kind):
            return found
        raise found if isinstance(found, Exception) else DecoderFaultError(f"{call.method} gave what it never gives")

    def _again(self, call: Call, image: bytes) -> Outcome:
        try:
            return self.processes.ask(call, image, fresh=True)
        except DeathError as second:
            _tell(second, image)
            if second.cause in LIMITS:
                raise LostDecoderError(Reason.TOO_MUCH_WORK, f"{_what(image)}: decoding it {second}") from second
            words = f"{_what(image)}: its decoder died twice, the last one {second}"
            raise LostDecoderError(Reason.DECODER_DIED, words) from second


def _what(image: bytes) -> str:
    """The format as it looks, for whoever reads the dead letter."""
    return sniff(image) or "an image"


def _tell(death: DeathError, image: bytes) -> None:
    digest = sha256(image).hexdigest()
    _log.warning("decode_process_ended", cause=death.cause, error=str(death), content_sha256=digest, bytes=len(image))
