"""What a client and the encoder's server say to each other over a Unix socket.

::

    server  Welcome(spec)
    client  Attach(views) + a file descriptor   the memory of `segment`, for that many views at a time
    client  EncodeImages(views)                 the first `views` of the memory hold pixels
    server  ImagesEncoded()                     ... and now features
    client  EncodeTexts(texts)
    server  TextsEncoded(features)
    client  CountTokens(text)
    server  TokensCounted(tokens)
    server  TextsRefused(reason)                instead of an answer: these texts cannot be encoded

A connection is one question and one answer at a time. Whatever goes wrong with the device ends the connection: the
server's process ends for a clean restart, and the client asks again.
"""

from __future__ import annotations

import os
import socket
import struct
from array import array
from dataclasses import asdict
from typing import Any

import msgspec

from pipeline.ports import EncoderSpec
from pipeline.wire import refuses_deep

LONGEST = 16 * 1024 * 1024
"""Most bytes of a message: far more than the sentences of one request take, or their features."""
_LENGTH = struct.Struct("<I")


class Welcome(msgspec.Struct, tag=True):
    """The model, as `EncoderSpec` has it."""

    spec: dict[str, Any]

    @classmethod
    def of(cls, spec: EncoderSpec) -> Welcome:
        return cls(asdict(spec))

    def encoder_spec(self) -> EncoderSpec:
        """The model. Raises `ClosedError` for a description by another release of Sluice."""
        try:
            return msgspec.convert(self.spec, EncoderSpec)
        except msgspec.ValidationError as error:
            raise ClosedError(f"an encoder of another release: {error}") from error


class Attach(msgspec.Struct, tag=True):
    """Brings the file descriptor of the memory for `views` views along."""

    views: int


class EncodeImages(msgspec.Struct, tag=True):
    """Asks for the features of the first `views` views in the shared memory."""

    views: int


class ImagesEncoded(msgspec.Struct, tag=True):
    """Says that the features lie in the shared memory."""


class EncodeTexts(msgspec.Struct, tag=True):
    texts: list[str]


class TextsEncoded(msgspec.Struct, tag=True):
    """The features of all sentences: ``float32[N,D]``, little-endian, row by row."""

    features: bytes


class CountTokens(msgspec.Struct, tag=True):
    text: str


class TokensCounted(msgspec.Struct, tag=True):
    """The tokens of the sentence, its start and end marks included."""

    tokens: int


class TextsRefused(msgspec.Struct, tag=True):
    """Says that these texts cannot be encoded, by their own doing; the connection stays."""

    reason: str


Message = (
    Welcome
    | Attach
    | EncodeImages
    | ImagesEncoded
    | EncodeTexts
    | TextsEncoded
    | CountTokens
    | TokensCounted
    | TextsRefused
)
_encode = msgspec.msgpack.Encoder().encode
_decode = refuses_deep(msgspec.msgpack.Decoder(Message).decode)


class ClosedError(ConnectionError):
    """The other side is gone, or does not speak this protocol."""


class SilentError(ClosedError):
    """The other side is there and says nothing, for longer than the connection's timeout."""


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


def receive(connection: socket.socket, rest: float | None = None) -> tuple[Message, int | None]:
    """Wait for one message, and the file descriptor that came with it, which is then the caller's to close.

    It waits for the first byte as long as the connection's timeout says. That is set to `rest` seconds, if given, for
    each part that follows, and stays so. Raises `ClosedError`.
    """
    start, fd = _start(connection)
    try:
        if rest is not None:
            connection.settimeout(rest)
        return _message(connection, start), fd
    except BaseException:
        if fd is not None:
            os.close(fd)
        raise


def _message(connection: socket.socket, start: bytes) -> Message:
    (length,) = _LENGTH.unpack(start + _exactly(connection, _LENGTH.size - len(start)))
    if length > LONGEST:
        raise ClosedError(f"a message of {length:,} bytes is none of ours")
    body = _exactly(connection, length)
    try:
        message: Message = _decode(body)
    except msgspec.DecodeError as error:
        raise ClosedError(f"a message that is none of ours: {error}") from error
    return message


def _start(connection: socket.socket) -> tuple[bytes, int | None]:
    """The beginning of the length, and a file descriptor where one came with its first byte."""
    try:
        start, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, 1)
    except TimeoutError as error:
        raise SilentError(f"nothing was said for {connection.gettimeout():g} s") from error
    except OSError as error:
        raise ClosedError(f"the connection is closed: {error.strerror or error}") from error
    if not start:
        _close_all(fds)
        raise ClosedError("the connection is closed")
    return start, fds[0] if fds else None


def _close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


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
