"""What a client and the encoder's server say to each other over a Unix socket.

::

    server  Welcome(spec)
    client  Attach(views) + a file descriptor   the memory of `segment`, for so many views at a time
    client  Encode(views)                       the first so many views hold pixels
    server  Encoded()                           ... and now features
    client  EncodeTexts(texts)
    server  TextFeatures(data)
    client  CountTokens(text)
    server  Tokens(count)

A connection is one question and one answer at a time. Whatever goes wrong with the device ends the connection: the
server's process ends for a clean restart, and the client asks again.
"""

from __future__ import annotations

import socket
import struct
from array import array
from dataclasses import asdict
from typing import Any

import msgspec

from pipeline.ports import EncoderSpec

LONGEST = 256 * 1024 * 1024
"""Bytes of a message: far beyond any number of sentences that is sent at once."""
_LENGTH = struct.Struct("<I")


class Welcome(msgspec.Struct, tag=True):
    """The model, as `EncoderSpec` has it."""

    spec: dict[str, Any]

    @classmethod
    def of(cls, spec: EncoderSpec) -> Welcome:
        """For this model."""
        return cls(asdict(spec))

    def encoder_spec(self) -> EncoderSpec:
        """The model."""
        return msgspec.convert(self.spec, EncoderSpec)


class Attach(msgspec.Struct, tag=True):
    """The memory for so many views; its file descriptor comes with this message."""

    views: int


class Encode(msgspec.Struct, tag=True):
    """Encode the first so many views."""

    views: int


class Encoded(msgspec.Struct, tag=True):
    """It is done."""


class EncodeTexts(msgspec.Struct, tag=True):
    """Encode sentences."""

    texts: list[str]


class TextFeatures(msgspec.Struct, tag=True):
    """``float32[N,D]``, little-endian, row by row."""

    data: bytes


class CountTokens(msgspec.Struct, tag=True):
    """Count the tokens of a sentence."""

    text: str


class Tokens(msgspec.Struct, tag=True):
    """As many as that."""

    count: int


Message = Welcome | Attach | Encode | Encoded | EncodeTexts | TextFeatures | CountTokens | Tokens
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Message)


class ClosedError(ConnectionError):
    """The other side is gone, or does not speak this protocol."""


def send(connection: socket.socket, message: Message, fd: int | None = None) -> None:
    """Send one message, with a file descriptor where one is given. Raises `ClosedError`."""
    body = _encode(message)
    try:
        if fd is None:
            connection.sendall(_LENGTH.pack(len(body)) + body)
        else:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [fd]))]
            connection.sendmsg([_LENGTH.pack(len(body)) + body], rights)
    except OSError as error:
        raise ClosedError(f"the connection is closed: {error.strerror or error}") from error


def receive(connection: socket.socket) -> tuple[Message, int | None]:
    """Wait for one message, and the file descriptor that came with it. Raises `ClosedError`."""
    head, fd = _head(connection)
    (length,) = _LENGTH.unpack(head)
    if length > LONGEST:
        raise ClosedError(f"a message of {length:,} bytes is none of ours")
    body = _exactly(connection, length)
    try:
        return _decoder.decode(body), fd
    except msgspec.DecodeError as error:
        raise ClosedError(f"a message that is none of ours: {error}") from error


def _head(connection: socket.socket) -> tuple[bytes, int | None]:
    """The length, and a file descriptor where one came with its first byte."""
    try:
        start, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, 1)
    except OSError as error:
        raise ClosedError(f"the connection is closed: {error.strerror or error}") from error
    if not start:
        raise ClosedError("the connection is closed")
    return start + _exactly(connection, _LENGTH.size - len(start)), fds[0] if fds else None


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = connection.recv(min(count - len(parts), 1 << 20))
        except OSError as error:
            raise ClosedError(f"the connection is closed: {error.strerror or error}") from error
        if not part:
            raise ClosedError("the connection was closed in the middle of a message")
        parts += part
    return bytes(parts)
