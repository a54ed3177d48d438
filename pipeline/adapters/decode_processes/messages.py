"""What a worker and its decode processes say to each other.

Heads are plain data, so a process that a stranger's bytes have taken over can make the worker believe a wrong
picture, and nothing else.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from pipeline.adapters.decode_processes.line import NonsenseError
from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoded
from pipeline.signals import PDQ, REGION, Pdqs
from pipeline.wire import refuses_deep


class DecoderFaultError(Exception):
    """The decoder raised what the port does not allow: a fault of ours, in the words of what it raised."""


class Call(msgspec.Struct, array_like=True, frozen=True):
    """Call that method of the decoder with the image, which is the body, and the plain `arguments` behind it."""

    method: str
    arguments: tuple[Any, ...] = ()


class Shown(msgspec.Struct, tag=True, array_like=True):
    """The image was decoded; the body is its pixels."""

    shape: tuple[int, int, int, int]
    regions: bytes
    notes: tuple[str, ...]
    unseen: int = 0
    leaves: bool = False
    """Whether the process ends with this answer."""


class Pictured(msgspec.Struct, tag=True, array_like=True):
    """A thumbnail was made; the body is it."""

    leaves: bool = False


class Hashed(msgspec.Struct, tag=True, array_like=True):
    """PDQ hashes were made; the body is them."""

    leaves: bool = False


class Refused(msgspec.Struct, tag=True, array_like=True):
    """The decoder raised an `ItemError`."""

    reason: Reason
    message: str
    leaves: bool = False


class Broke(msgspec.Struct, tag=True, array_like=True):
    """The decoder raised something else."""

    error: str
    leaves: bool = False


Answer = Shown | Pictured | Hashed | Refused | Broke
Outcome = Decoded | bytes | Pdqs | ItemError | DecoderFaultError
MOST_THUMBNAIL = 1 << 18
"""Bytes of a thumbnail: 256 by 256 pixels with no rhyme or reason take half of that."""
MOST_HASHES = 2
"""On black and on white."""
encode = msgspec.msgpack.Encoder().encode
decode_call = msgspec.msgpack.Decoder(Call).decode
_decode_answer = refuses_deep(msgspec.msgpack.Decoder(Answer).decode)


def told(made: Decoded | bytes | Pdqs) -> tuple[Shown | Pictured | Hashed, bytes | memoryview]:
    """What was made of the image, as head and body."""
    if isinstance(made, np.ndarray):
        return Hashed(), made.tobytes()
    return (Pictured(), made) if isinstance(made, bytes) else _shown(made)


def _shown(decoded: Decoded) -> tuple[Shown, memoryview]:
    pixels = np.ascontiguousarray(decoded.pixels)
    views, height, width, channels = pixels.shape
    head = Shown((views, height, width, channels), decoded.regions.tobytes(), decoded.notes, decoded.unseen)
    return head, pixels.reshape(-1).data


def outcome(head: memoryview, body: memoryview) -> tuple[Outcome, bool]:
    """What came of the image, and whether the process ends with that; the pixels are copied.

    Raises `NonsenseError` where head or body are none, or do not fit each other.
    """
    try:
        answer = _decode_answer(head)
        if isinstance(answer, Shown):
            return _decoded(answer, body), answer.leaves
        if isinstance(answer, Pictured):
            return _thumbnail(body), answer.leaves
        if isinstance(answer, Hashed):
            return _hashes(body), answer.leaves
    except (msgspec.MsgspecError, ValueError) as error:
        raise NonsenseError(str(error)) from error
    if isinstance(answer, Refused):
        return ItemError(answer.reason, answer.message), answer.leaves
    return DecoderFaultError(answer.error), answer.leaves


def _decoded(answer: Shown, body: memoryview) -> Decoded:
    pixels = np.frombuffer(body, np.uint8).copy().reshape(answer.shape)
    regions = np.frombuffer(bytearray(answer.regions), REGION)
    if not len(regions) == len(pixels) > 0:
        raise ValueError(f"{len(regions)} regions of {len(pixels)} views")
    return Decoded(pixels, regions, answer.notes, answer.unseen)


def _hashes(body: memoryview) -> Pdqs:
    made = np.frombuffer(bytes(body), PDQ)
    if not 0 < len(made) <= MOST_HASHES:
        raise ValueError(f"{len(made):,} hashes of one image")
    return made


def _thumbnail(body: memoryview) -> bytes:
    made = bytes(body[: MOST_THUMBNAIL + 1])
    if len(made) > MOST_THUMBNAIL or not made.startswith(b"RIFF") or made[8:12] != b"WEBP":
        raise ValueError(f"{len(body):,} bytes that are no thumbnail")
    return made
