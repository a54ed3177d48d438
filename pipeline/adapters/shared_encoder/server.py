"""The encoder's side: who connects is served on a thread of its own, within bounds that protect the others."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from errno import EBADF
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import numpy as np
import structlog

from pipeline.adapters.shared_encoder.flights import Flights
from pipeline.adapters.shared_encoder.guests import Guests
from pipeline.adapters.shared_encoder.messages import (
    Attach,
    ClosedError,
    CountTokens,
    EncodeImages,
    EncodeTexts,
    ImagesEncoded,
    Message,
    TextsEncoded,
    TextsRefused,
    TokensCounted,
    Welcome,
    receive,
    send,
)
from pipeline.adapters.shared_encoder.segment import Segment
from pipeline.errors import EncoderError, ServiceError
from pipeline.ports import Encoder, Hooks

GREETING = 10.0
"""Seconds until the first message of whoever connects; after it a client may be silent for ever."""
MESSAGE = 30.0
"""Seconds that a client may take over the rest of a message, or to read an answer."""
LAST_FLIGHTS = 2.0
"""Seconds that the end waits for what is on the device: nobody waits for its features any more."""
_log = structlog.get_logger(__name__)


class EncoderServer:
    """Serves one encoder on a Unix socket until `stop` is set or anything goes wrong that is no client's doing.

    `flights` batches of up to `max_batch` views are under way at a time: with two, the next is gathered and copied to
    the device while the last is computed. What a client does costs the others nothing: garbage, a message that never
    ends, silence and too much memory end its own connection.
    """

    def __init__(self, encoder: Encoder, path: Path, hooks: Hooks, *, max_batch: int, flights: int) -> None:
        """Listen at once. Raises `ServiceError` when the socket cannot be had."""
        self._encoder = encoder
        self._path = path
        self._listener = _listen(path)
        self._ended = Event()
        self._failure: EncoderError | None = None
        self._guests = Guests()
        self._asked: dict[socket.socket, float] = {}
        self._flights = Flights(encoder, hooks, self._fail, max_batch=max_batch, count=flights)
        self._accepting = Thread(target=self._accept, name="sluice-accept", daemon=True)

    def run(self, stop: Event) -> None:
        """Serve until `stop`. Raises `EncoderError` when the device fails: the process must be started anew."""
        self._accepting.start()
        self._flights.start()
        while not stop.is_set() and not self._ended.wait(0.1):
            pass
        self.close()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Hang up on everyone and join the threads, for a bounded time. Idempotent."""
        self._ended.set()
        self._flights.end()
        self._listener.close()
        with suppress(FileNotFoundError):
            self._path.unlink()
        self._guests.hang_up()
        if self._accepting.is_alive():
            self._accepting.join(LAST_FLIGHTS)
        self._flights.join(LAST_FLIGHTS)

    def stalled(self) -> float:
        """Seconds that the oldest question without an answer has waited; 0 while nobody waits."""
        now = monotonic()
        return now - min(tuple(self._asked.values()), default=now)

    def _accept(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    if self._ended.is_set() or error.errno == EBADF:
                        raise
                    _log.warning("client_not_accepted", error=str(error))  # no descriptor to be had, say
                    self._ended.wait(0.1)
                    continue
                self._let_in(connection)
        except BaseException as error:  # noqa: BLE001 - a server that lets nobody in must not look well
            if not self._ended.is_set():
                self._fail(error)

    def _let_in(self, connection: socket.socket) -> None:
        with ExitStack() as turned_away:
            turned_away.callback(connection.close)
            if not self._guests.enter(connection):
                return
            turned_away.callback(self._guests.leave, connection)
            try:
                Thread(target=self._serve, args=(connection,), name="sluice-client", daemon=True).start()
            except RuntimeError as error:  # no thread to be had
                _log.warning("client_not_accepted", error=str(error))
            else:
                turned_away.pop_all()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(GREETING)
            send(connection, Welcome.of(self._encoder.spec))
            self._converse(connection)
        except ClosedError:
            pass  # a client that leaves is no event of ours
        except (EncoderError, MemoryError) as error:
            self._fail(error)
        except Exception:  # noqa: BLE001 - what one client sends must not end the others
            _log.exception("client_refused")
        finally:
            self._asked.pop(connection, None)
            self._guests.leave(connection)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        segment: Segment | None = None
        while True:
            message, fd = receive(connection, MESSAGE)
            self._guests.knows(connection)
            if isinstance(message, Attach):
                segment = self._attached(connection, message, fd)
            else:
                _close(fd)
                self._asked[connection] = monotonic()
                answer = self._answer(message, segment)
                del self._asked[connection]
                send(connection, answer)
            connection.settimeout(None)

    def _attached(self, connection: socket.socket, message: Attach, fd: int | None) -> Segment:
        if fd is None:
            raise ClosedError("no memory came with the request for it")
        try:
            self._guests.take_memory(connection, Segment.size(self._encoder.spec, message.views))
            return Segment(fd, self._encoder.spec, message.views, from_a_stranger=True)
        except (OSError, ValueError, OverflowError) as error:
            _log.warning("client_refused", reason=str(error))
            raise ClosedError(f"memory that is none of ours: {error}") from error
        finally:
            _close(fd)

    def _answer(self, message: Message, segment: Segment | None) -> Message:
        if isinstance(message, EncodeTexts | CountTokens):
            return self._of_texts(message)
        if isinstance(message, EncodeImages) and segment is not None and 0 < message.views <= segment.views:
            self._flights.encode(segment.pixels[: message.views], segment.features[: message.views])
            return ImagesEncoded()
        raise ClosedError(f"{type(message).__name__} is no request, or asks for more than there is memory for")

    def _of_texts(self, message: EncodeTexts | CountTokens) -> Message:
        try:
            if isinstance(message, CountTokens):
                return TokensCounted(self._encoder.count_tokens(message.text))
            features = self._encoder.encode_texts(message.texts)
            return TextsEncoded(np.ascontiguousarray(features, "<f4").tobytes())
        except (EncoderError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001
            # The text's own doing, since a device that fails raises EncoderError: other texts may be encoded.
            _log.exception("texts_refused")
            return TextsRefused(f"{type(error).__name__}: {error}")

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, EncoderError):
            cause, error = error, EncoderError(f"the encoder's server failed: {type(error).__name__}: {error}")
            error.__cause__ = cause
        self._failure = self._failure or error
        self._ended.set()
        self._flights.end()


def _close(fd: int | None) -> None:
    if fd is not None:
        os.close(fd)


def _listen(path: Path) -> socket.socket:
    """A socket that only this user may open. It replaces what a crashed server left, but no server that answers."""
    if _answers(path):
        raise ServiceError(f"an encoder serves {path} already: stop it, or give another --encoder-socket")
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        listener.close()
        raise ServiceError(f"cannot listen at {path}: {error.strerror or error}; give another path") from error
    listener.listen()
    listener.settimeout(0.5)  # so that the accepting thread sees the end
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except TimeoutError:  # one that is frozen, with its queue full
            return True
        except OSError:
            return False
        return True
