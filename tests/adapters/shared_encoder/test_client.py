"""One encoder for several processes: the same features as beside the device, whatever dies in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.shared_encoder import EncoderServer, SharedEncoder
from pipeline.errors import EncoderError, ServiceError
from pipeline.items import Pixels
from pipeline.path.topology import FLIGHTS
from pipeline.ports import EncoderSpec, Hooks
from pipeline.signals import Features
from tests.services.deadline import until

SPEC = EncoderSpec(
    name="counting",
    fingerprint="0123456789abcdef",
    dtype="float32",
    image_size=(4, 6),
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    interpolation="bicubic",
    resize_mode="shortest",
    features=5,
    context_length=32,
    logit_scale=10.0,
    logit_bias=None,
)


class CountingEncoder:
    """Features that tell which pixels they came from; keeps the sizes of its batches."""

    def __init__(self, spec: EncoderSpec = SPEC) -> None:
        self.spec = spec
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def encode_images(self, pixels: Pixels) -> Features:
        self.gate.wait(10)
        if self.error:
            raise self.error
        self.batches.append(len(pixels))
        flat = pixels.reshape(len(pixels), -1).astype(np.float32)
        return np.stack([flat[:, place] + flat.sum(1) for place in range(self.spec.features)], axis=1)

    def encode_texts(self, texts: Sequence[str]) -> Features:
        return np.array([[len(text), *text.encode()[:4].ljust(4)] for text in texts], np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


Serve = Callable[..., CountingEncoder]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encoder.sock"


@pytest.fixture
def serve(path: Path) -> Iterator[Serve]:
    """Starts a server on `path`, after ending the one before."""
    running: list[tuple[threading.Event, threading.Thread]] = []

    def end() -> None:
        for stop, thread in running:
            stop.set()
            thread.join(10)
        running.clear()

    def start(encoder: CountingEncoder | None = None, **options: int) -> CountingEncoder:
        end()
        encoder = encoder or CountingEncoder()
        server = EncoderServer(encoder, path, Hooks(), **{"max_batch": 16, "flights": FLIGHTS, **options})
        stop = threading.Event()

        def run() -> None:
            with suppress(EncoderError):
                server.run(stop)

        thread = threading.Thread(target=run)
        thread.start()
        running.append((stop, thread))
        return encoder

    start.end = end  # type: ignore[attr-defined]
    yield start
    end()


def some_pixels(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 6, 3), np.uint8)


def test_features_are_those_of_the_encoder_itself(serve: Serve, path: Path) -> None:
    encoder = serve()
    shared = SharedEncoder(path, max_batch=8)
    pixels = some_pixels(21)
    assert shared.spec == SPEC
    np.testing.assert_array_equal(shared.encode_images(pixels), encoder.encode_images(pixels))
    texts = ["a knife", "", "ein Bär"] * 300
    np.testing.assert_array_equal(shared.encode_texts(texts), encoder.encode_texts(texts))
    assert shared.encode_texts([]).shape == (0, 5)
    assert shared.encode_images(some_pixels(0)).shape == (0, 5)
    assert shared.count_tokens("one two three") == 5
    shared.close()


def test_wrong_pixels_are_the_callers_mistake(serve: Serve, path: Path) -> None:
    serve()
    shared = SharedEncoder(path)
    with pytest.raises(ValueError, match="uint8"):
        shared.encode_images(np.zeros((1, 5, 5, 3), np.uint8))
    shared.close()


def test_callers_get_their_own_features_and_share_batches(serve: Serve, path: Path) -> None:
    """What waits while the device is busy goes together."""
    encoder = serve(flights=1)
    encoder.gate.clear()
    callers = [SharedEncoder(path) for _ in range(6)]
    batches = [some_pixels(3, seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(caller.encode_images, batch) for caller, batch in zip(callers, batches, strict=True)]
        while not all(future.running() for future in futures):
            pass
        threading.Timer(0.5, encoder.gate.set).start()
        answers = [future.result(10) for future in futures]
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_array_equal(answer, CountingEncoder().encode_images(batch))
    assert sum(encoder.batches) == 18
    assert len(encoder.batches) < 6
    assert max(encoder.batches) <= 16
    for caller in callers:
        caller.close()


def test_a_server_that_is_restarted_is_asked_again(serve: Serve, path: Path) -> None:
    """No call is lost by it, and the caller does not notice."""
    serve()
    shared = SharedEncoder(path, patience=20)
    shared.encode_images(some_pixels(2))
    serve.end()  # type: ignore[attr-defined]
    threading.Timer(0.5, serve).start()
    np.testing.assert_array_equal(
        shared.encode_images(some_pixels(4)), CountingEncoder().encode_images(some_pixels(4))
    )
    assert shared.count_tokens("still there") == 4
    shared.close()


def test_a_device_that_fails_ends_the_server_and_the_caller_asks_the_next(serve: Serve, path: Path) -> None:
    broken = serve()
    shared = SharedEncoder(path, patience=20)
    broken.error = EncoderError("the device is gone")
    threading.Timer(1.0, serve).start()
    np.testing.assert_array_equal(
        shared.encode_images(some_pixels(3)), CountingEncoder().encode_images(some_pixels(3))
    )
    shared.close()


def test_a_server_that_stays_away_is_an_encoder_error(serve: Serve, path: Path) -> None:
    serve()
    shared = SharedEncoder(path, patience=0.5)
    serve.end()  # type: ignore[attr-defined]
    with pytest.raises(EncoderError, match="stays away"):
        shared.encode_images(some_pixels(1))
    shared.close()


def test_a_question_that_gets_no_answer_shows_as_a_stall(path: Path) -> None:
    """A device that hangs raises nothing: only the clock tells."""
    encoder, stop = CountingEncoder(), threading.Event()
    server = EncoderServer(encoder, path, Hooks(), max_batch=4, flights=FLIGHTS)
    serving = threading.Thread(target=server.run, args=(stop,))
    serving.start()
    shared = SharedEncoder(path)
    shared.encode_images(some_pixels(2))
    assert server.stalled() == 0
    encoder.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shared.encode_images, some_pixels(2))
        until(lambda: server.stalled() > 0.2, 60, "a stall")
        encoder.gate.set()
        answer.result(10)
    until(lambda: server.stalled() == 0, 60, "the end of the stall")
    shared.close()
    stop.set()
    serving.join(10)


def test_another_model_behind_the_same_socket_is_refused(serve: Serve, path: Path) -> None:
    """Features of two models must never be compared."""
    serve()
    shared = SharedEncoder(path, patience=5)
    serve(CountingEncoder(replace(SPEC, fingerprint="fedcba9876543210")))
    with pytest.raises(EncoderError, match="another model"):
        shared.encode_images(some_pixels(1))
    shared.close()


def test_no_server_at_all_is_said_in_one_line(path: Path) -> None:
    with pytest.raises(ServiceError, match="start one with `sluice encoder`"):
        SharedEncoder(path, patience=0.3)


def test_a_socket_that_is_served_is_not_taken_over(serve: Serve, path: Path) -> None:
    serve()
    with pytest.raises(ServiceError, match="already"):
        EncoderServer(CountingEncoder(), path, Hooks(), max_batch=4, flights=FLIGHTS)


def test_a_socket_that_a_crash_left_behind_is(serve: Serve, path: Path) -> None:
    path.touch()
    serve()
    SharedEncoder(path).close()
