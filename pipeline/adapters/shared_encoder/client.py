"""A caller's side: an `Encoder` whose device is in another process of the machine."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import structlog

from pipeline.adapters.shared_encoder.messages import (
    Attach,
    ClosedError,
    CountTokens,
    EncodeImages,
    EncodeTexts,
    ImagesEncoded,
    Message,
    SilentError,
    TextsEncoded,
    TextsRefused,
    TokensCounted,
    Welcome,
    receive,
    send,
)
from pipeline.adapters.shared_encoder.segment import Segment, create
from pipeline.errors import EncoderError, ServiceError
from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from pipeline.signals import Features

TEXTS = 256
"""Sentences in one request."""
ANSWER = 300.0
"""Seconds for an answer: a server that hangs is restarted sooner, and a busy CPU may need minutes."""
WELCOME = 10.0
"""Seconds for a server's first word, which it says before any work."""
_PAUSE = 0.2
_log = structlog.get_logger(__name__)
A = TypeVar("A")
M = TypeVar("M", bound=Message)


class SharedEncoder:
    """Encodes through the server at `path`. Safe to call from many threads.

    While the server is away, for a restart say, a call waits and asks again for `patience` seconds: its pixels or
    sentences are still here. A server that comes back with another model is refused, and one that takes a question
    and does not answer it within `answer` seconds is not asked again.
    """

    def __init__(self, path: Path, *, max_batch: int = 64, patience: float = 60.0, answer: float = ANSWER) -> None:
        """Connect. Raises `ServiceError` when no server answers within `patience` seconds."""
        self._path = path
        self._patience = patience
        self._images = _Line(path, max_batch, answer)
        self._texts = _Line(path, 0, answer)
        try:
            self.spec = self._patiently(self._images.connect)
        except EncoderError as error:
            raise ServiceError(f"no encoder answers at {path}: start one with `sluice encoder`") from error
        self._max_batch = max_batch

    def encode_images(self, pixels: Pixels) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``. Raises `EncoderError` when the server stays away."""
        expected = (*self.spec.image_size, 3)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != expected:
            raise ValueError(f"pixels must be uint8[B,{','.join(map(str, expected))}], not {pixels.shape}")
        parts = [pixels[start : start + self._max_batch] for start in range(0, len(pixels), self._max_batch)]
        features = [self._patiently(partial(self._images.encode, part, self.spec)) for part in parts]
        return np.concatenate(features) if features else np.empty((0, self.spec.features), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Features:
        """N sentences to L2-normalised ``float32[N,D]``. Raises `EncoderError` when the server stays away."""
        parts = [list(texts[start : start + TEXTS]) for start in range(0, len(texts), TEXTS)]
        ask = self._texts.ask
        answers = [self._patiently(partial(ask, EncodeTexts(part), TextsEncoded, self.spec)) for part in parts]
        data = b"".join(answer.features for answer in answers)
        return np.frombuffer(data, "<f4").reshape(len(texts), self.spec.features).astype(np.float32)

    def count_tokens(self, text: str) -> int:
        return self._patiently(lambda: self._texts.ask(CountTokens(text), TokensCounted, self.spec)).tokens

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._images.close()
        self._texts.close()

    def _patiently(self, ask: Callable[[], A]) -> A:
        away_since: float | None = None
        while True:
            try:
                return ask()
            except (ClosedError, OSError) as error:
                now = time.monotonic()
                if away_since is None:  # once for each call, and not for every try
                    away_since = now
                    _log.warning("encoder_away", path=str(self._path), reason=str(error))
                if now - away_since >= self._patience:
                    raise EncoderError(f"the encoder at {self._path} stays away: {error}") from error
                time.sleep(_PAUSE)


class _Line:
    """One connection: a question and its answer at a time. After an error it is dialled anew by the next question."""

    def __init__(self, path: Path, views: int, answer: float) -> None:
        """`views` is how many a request may have, 0 for a line without shared memory; `answer` is in seconds."""
        self._path = path
        self._answer = answer
        self._views = views
        self._turn = Lock()
        self._connection: socket.socket | None = None
        self._segment: Segment | None = None

    def connect(self, wanted: EncoderSpec | None = None) -> EncoderSpec:
        """Dial. Raises `ClosedError` or ``OSError``, and `EncoderError` for a server with another model."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(WELCOME)
            connection.connect(str(self._path))
            spec = _expect(receive(connection)[0], Welcome).encoder_spec()
            self._check(spec, wanted)
            if self._views:
                self._segment = _share(connection, spec, self._views)
            connection.settimeout(self._answer)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return spec

    def _check(self, found: EncoderSpec, wanted: EncoderSpec | None) -> None:
        if wanted is not None and found != wanted:
            raise EncoderError(f"the encoder at {self._path} has another model now: restart this worker")

    def encode(self, pixels: Pixels, spec: EncoderSpec) -> Features:
        """Features of the pixels, which may be no more than the line's `views`."""
        with self._turn:
            if self._connection is None:
                self.connect(spec)
            if self._segment is None:
                raise ValueError("this connection shares no memory")
            self._segment.pixels[: len(pixels)] = pixels
            self._exchange(EncodeImages(len(pixels)), ImagesEncoded)
            return self._segment.features[: len(pixels)].copy()

    def ask(self, question: Message, answer: type[M], spec: EncoderSpec) -> M:
        with self._turn:
            if self._connection is None:
                self.connect(spec)
            return self._exchange(question, answer)

    def _exchange(self, question: Message, answer: type[M]) -> M:
        if self._connection is None:
            raise ClosedError("not connected")
        try:
            send(self._connection, question)
            return _expect(receive(self._connection)[0], answer)
        except SilentError as error:
            self.close()
            raise EncoderError(
                f"the encoder at {self._path} has taken a question and not answered it for {self._answer:g} s"
            ) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up. Idempotent."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
        self._connection = None


def _share(connection: socket.socket, spec: EncoderSpec, views: int) -> Segment:
    fd = create(spec, views)
    try:
        send(connection, Attach(views), fd)
        return Segment(fd, spec, views)
    finally:
        os.close(fd)


def _expect(message: Message, kind: type[M]) -> M:
    if isinstance(message, TextsRefused):
        raise EncoderError(f"the encoder refuses these texts: {message.reason}")
    if not isinstance(message, kind):
        raise ClosedError(f"a {type(message).__name__} where a {kind.__name__} was due")
    return message
