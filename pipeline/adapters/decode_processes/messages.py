"""What a worker and its decode processes say to each other over a socket: a head, then the bytes of a body.

Heads are plain data, so a process that a stranger's bytes have taken over can make the worker believe a wrong
picture, and nothing else.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgspec
import numpy as np

from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoded
from pipeline.signals import REGION

READY = b"."
"""The first byte that a process sends: it is confined, and takes an image."""
HEAD = 1 << 24
"""Most bytes of a head: a region has 20, and there are few notes."""
_LENGTHS = struct.Struct("<IQ")
"""Bytes of the head, bytes of the body."""


class EndedError(Exception):
    """The other side has hung up."""


class NonsenseError(Exception):
    """The other side says what nobody understands."""


class DecoderFaultError(Exception):
    """The decoder raised what the port does not allow: a fault of ours, in the words of what it raised."""


class Call(msgspec.Struct, tag=True, array_like=True):
    """Call that method of the decoder with the image, which is the body, and the plain `arguments` behind it."""

    method: str
    arguments: tuple[Any, ...] = ()


class Shown(msgspec.Struct, tag=True, array_like=True):
    """The image was decoded; the body is its pixels."""

    shape: tuple[int, int, int, int]
    regions: bytes
    notes: tuple[str, ...]
    leaves: bool = False
    """Whether the process ends with this answer."""


class Refused(msgspec.Struct, tag=True, array_like=True):
    """The decoder raised an `ItemError`."""

    reason: Reason
    message: str
    leaves: bool = False


class Broke(msgspec.Struct, tag=True, array_like=True):
    """The decoder raised something else."""

    error: str
    leaves: bool = False


Answer = Shown | Refused | Broke
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Call | Shown | Refused | Broke).decode


def send(connection: socket.socket, head: Call | Answer, body: bytes | memoryview = b"") -> None:
    """Send both. Raises ``OSError``."""
    said, body = _encode(head), memoryview(body)
    parts = [_LENGTHS.pack(len(said), len(body)) + said, body]
    sent = connection.sendmsg(parts)
    for part in parts:
        if sent < len(part):
            connection.sendall(part[sent:])
        sent = max(0, sent - len(part))


def receive(connection: socket.socket, most: int) -> tuple[Call | Answer, memoryview]:
    """The next head with its body of at most `most` bytes. Raises `EndedError`, `NonsenseError` and ``OSError``."""
    head, body = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size))
    if head > HEAD or body > most:
        raise NonsenseError(f"a message of {head:,} and {body:,} bytes")
    try:
        return _decode(_exactly(connection, head)), _exactly(connection, body)
    except msgspec.MsgspecError as error:
        raise NonsenseError(f"a head that is none: {error}") from error


def shown(decoded: Decoded) -> tuple[Shown, memoryview]:
    """What was decoded, as head and body."""
    pixels = np.ascontiguousarray(decoded.pixels)
    views, height, width, channels = pixels.shape
    head = Shown((views, height, width, channels), decoded.regions.tobytes(), decoded.notes)
    return head, memoryview(pixels.reshape(-1))


def outcome(answer: Call | Answer, body: memoryview) -> Decoded | ItemError | DecoderFaultError:
    """What came of the image. Raises `NonsenseError` where head and body do not fit each other."""
    if isinstance(answer, Refused):
        return ItemError(answer.reason, answer.message)
    if isinstance(answer, Broke):
        return DecoderFaultError(answer.error)
    try:
        if not isinstance(answer, Shown):
            raise ValueError(f"a {type(answer).__name__} for an answer")  # noqa: TRY004
        pixels = np.frombuffer(body, np.uint8).reshape(answer.shape)
        regions = np.frombuffer(bytearray(answer.regions), REGION)
        if not len(regions) == len(pixels) > 0:
            raise ValueError(f"{len(regions)} regions of {len(pixels)} views")
    except ValueError as error:
        raise NonsenseError(str(error)) from error
    return Decoded(pixels, regions, answer.notes)


def _exactly(connection: socket.socket, count: int) -> memoryview:
    """That many bytes, in memory of their own."""
    whole = left = memoryview(np.empty(count, np.uint8))
    while left:
        got = connection.recv_into(left)
        if not got:
            raise EndedError
        left = left[got:]
    return whole
