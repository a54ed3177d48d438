"""The encoder's side: connections come in on threads, batches of whatever waits go to the device on another."""

from __future__ import annotations

import os
import socket
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event, Thread
from time import monotonic

import numpy as np
import structlog

from pipeline.adapters.shared_encoder.messages import (
    Attach,
    ClosedError,
    CountTokens,
    Encode,
    Encoded,
    EncodeTexts,
    Message,
    TextFeatures,
    Tokens,
    Welcome,
    receive,
    send,
)
from pipeline.adapters.shared_encoder.segment import Segment
from pipeline.errors import EncoderError, ServiceError
from pipeline.items import Features, Pixels
from pipeline.ports import Encoder, Hooks
from pipeline.rules.batching import take

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Request:
    pixels: Pixels
    features: Features
    done: Future[None] = field(default_factory=Future)


class EncoderServer:
    """Serves one encoder on a Unix socket until `stop` is set or the device fails.

    `flights` batches are under way at a time: with two, the next is gathered and copied to the device while the last
    is computed.
    """

    def __init__(self, encoder: Encoder, path: Path, hooks: Hooks, *, max_batch: int, flights: int = 2) -> None:
        """Listen at once. Raises `ServiceError` when the socket cannot be had."""
        self._encoder = encoder
        self._hooks = hooks
        self._max_batch = max_batch
        self._path = path
        self._listener = _listen(path)
        self._waiting: deque[_Request] = deque()
        self._changed = Condition()
        self._ended = Event()
        self._failure: EncoderError | None = None
        self._connections: set[socket.socket] = set()
        self._asked: dict[socket.socket, float] = {}
        threads = [(self._accept, "sluice-accept"), *[(self._fly, f"sluice-flight-{n}") for n in range(flights)]]
        self._threads = [Thread(target=work, name=name, daemon=True) for work, name in threads]

    def run(self, stop: Event) -> None:
        """Serve until `stop`. Raises `EncoderError` when the device fails: the process must be started anew."""
        for thread in self._threads:
            thread.start()
        while not stop.is_set() and not self._ended.wait(0.1):
            pass
        self.close()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Hang up on everyone and join the threads, each after the batch that it is in. Idempotent."""
        with self._changed:
            self._ended.set()
            self._changed.notify_all()
        self._listener.close()
        with suppress(FileNotFoundError):
            self._path.unlink()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def stalled(self) -> float:
        """Seconds that the oldest question without an answer has waited; 0 while nobody waits."""
        now = monotonic()
        return now - min(tuple(self._asked.values()), default=now)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection.setblocking(True)
            self._connections.add(connection)
            Thread(target=self._serve, args=(connection,), name="sluice-client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        segment: Segment | None = None
        try:
            send(connection, Welcome.of(self._encoder.spec))
            while True:
                message, fd = receive(connection)
                if isinstance(message, Attach):
                    segment = self._attached(message, fd)
                else:
                    self._asked[connection] = monotonic()
                    answer = self._answer(message, segment)
                    del self._asked[connection]
                    send(connection, answer)
        except ClosedError:
            pass  # a client that leaves is no event of ours
        except EncoderError as error:
            self._fail(error)
        except Exception:  # noqa: BLE001 - what one client sends must not end the others
            _log.exception("client_refused")
        finally:
            self._asked.pop(connection, None)
            self._connections.discard(connection)
            connection.close()

    def _attached(self, message: Attach, fd: int | None) -> Segment:
        if fd is None:
            raise ClosedError("no memory came with the request for it")
        try:
            return Segment(fd, self._encoder.spec, message.views)
        finally:
            os.close(fd)

    def _answer(self, message: Message, segment: Segment | None) -> Message:
        if isinstance(message, EncodeTexts):
            features = self._encoder.encode_texts(message.texts)
            return TextFeatures(np.ascontiguousarray(features, "<f4").tobytes())
        if isinstance(message, CountTokens):
            return Tokens(self._encoder.count_tokens(message.text))
        if isinstance(message, Encode) and segment is not None and 0 < message.views <= segment.views:
            request = _Request(segment.pixels[: message.views], segment.features[: message.views])
            with self._changed:
                self._waiting.append(request)
                self._changed.notify()
            request.done.result()
            return Encoded()
        raise ClosedError(f"{type(message).__name__} is no request, or asks for more than there is memory for")

    def _fly(self) -> None:
        """Batch after batch."""
        try:
            while (requests := self._take()) is not None:
                self._encode(requests)
        except EncoderError as error:
            self._fail(error)

    def _take(self) -> list[_Request] | None:
        """What goes to the device together; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ended.is_set())
            if self._ended.is_set():
                return None
            count = take([len(request.pixels) for request in self._waiting], self._max_batch)
            return [self._waiting.popleft() for _ in range(count)]

    def _encode(self, requests: list[_Request]) -> None:
        alone = len(requests) == 1
        pixels = requests[0].pixels if alone else np.concatenate([request.pixels for request in requests])
        try:
            features = self._encoder.encode_images(pixels)
        except BaseException as error:
            for request in requests:
                request.done.set_exception(error)
            raise
        self._hooks.encoded(len(features))
        start = 0
        for request in requests:
            request.features[:] = features[start : start + len(request.pixels)]
            start += len(request.pixels)
            request.done.set_result(None)

    def _fail(self, error: EncoderError) -> None:
        self._failure = self._failure or error
        self._ended.set()
        with self._changed:
            self._changed.notify_all()


def _listen(path: Path) -> socket.socket:
    """A socket that only this user may open. What a crashed server left behind is taken over, a live one is not."""
    listener = socket.socket(socket.AF_UNIX)
    if _answers(path):
        raise ServiceError(f"an encoder serves {path} already: stop it, or give another --encoder-socket")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        raise ServiceError(f"cannot listen at {path}: {error.strerror or error}; give another path") from error
    listener.listen()
    listener.settimeout(0.5)  # so that the accepting thread sees the end
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
