"""Batches in flight and replayed graphs give what the model gives, whoever else is flying and whatever runs out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import structlog
import torch

from pipeline.adapters.open_clip import OpenClipEncoder, load, load_encoder
from pipeline.errors import EncoderError, ModelError
from pipeline.items import Pixels
from pipeline.path.topology import FLIGHTS
from pipeline.signals import Features
from tests import tiny_models
from tests.adapters.taped_stream import TapedStream

SIZES = [16, 1, 5, 3, 16, 2, 9, 20, 33]
"""Batches of up to 16, small ones after large ones, and some that must be parted."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=["CLIP", "CONVOLUTIONAL"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_models.write_model(tmp_path_factory.mktemp("models"), getattr(tiny_models, request.param))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    """An encoder without flights, for its spec and its texts."""
    name = tiny_models.write_model(tmp_path_factory.mktemp("plain"), tiny_models.CLIP)
    return load_encoder(name, device="cpu", dtype="float32", threads=1)


def streams() -> list[TapedStream]:
    return [TapedStream() for _ in range(FLIGHTS)]


def some_pixels(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng([count, seed]).integers(0, 256, (count, 64, 64, 3), np.uint8)


class Tower:
    """Features that tell images apart, from a device with room for `room` of them; keeps the sizes of its batches."""

    def __init__(self, room: int = 10**6) -> None:
        self.room, self.seen = room, list[int]()

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(batch))
        if len(batch) > self.room:
            raise torch.OutOfMemoryError("CUDA says no")
        return batch.unfold(2, 16, 16).unfold(3, 16, 16).mean(dim=(4, 5)).flatten(1)[:, :32].sin()


def flying(plain: OpenClipEncoder, tower: Any, on: list[TapedStream], *, warm: bool = True) -> OpenClipEncoder:
    its = OpenClipEncoder(plain.spec, tower, plain._text_tower, plain._tokenizer, max_batch=16, streams=on)
    if warm:
        its.warm_up()
    return its


def expected(plain: OpenClipEncoder, pixels: Pixels) -> Features:
    """What the tower gives without flights."""
    return OpenClipEncoder(plain.spec, Tower(), Tower(), plain._tokenizer).encode_images(pixels)


def check(its: OpenClipEncoder, plain: OpenClipEncoder, sizes: list[int] = SIZES) -> None:
    batches = [some_pixels(size) for size in sizes]
    found = [its.encode_images(batch) for batch in batches]
    for batch, features in zip(batches, found, strict=True):
        np.testing.assert_allclose(features, expected(plain, batch), atol=1e-5)


def test_a_real_model_in_flight_gives_the_features_of_one_that_is_not(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded as on a GPU, its streams apart. Batches that were encoded before stay what they were."""
    options: dict[str, Any] = {"device": "cpu", "dtype": "float32", "threads": 1, "max_batch": 16}
    grounded = load_encoder(model, **options)
    pair = streams()
    monkeypatch.setattr(load, "cuda_streams", lambda device, flights: pair[:flights])
    its = load_encoder(model, flights=FLIGHTS, **options)
    batches = [some_pixels(size) for size in SIZES]
    found = [its.encode_images(batch) for batch in batches]
    assert pair[0].replayed
    for batch, features in zip(batches, found, strict=True):
        np.testing.assert_allclose(features, grounded.encode_images(batch), atol=1e-5)


def test_every_batch_replays_the_least_graph_that_holds_it(plain: OpenClipEncoder) -> None:
    pair = streams()
    tower = Tower()
    its = flying(plain, tower, pair)
    assert [stream.captured for stream in pair] == [[1, 16, 12, 8, 4, 2]] * 2
    computed = len(tower.seen)
    for stream in pair:
        stream.replayed.clear()
    check(its, plain)
    assert len(tower.seen) == computed, "nothing is captured or computed under load"
    assert pair[0].replayed + pair[1].replayed != []
    assert sorted(pair[0].replayed + pair[1].replayed) == sorted([16, 1, 8, 4, 16, 2, 12, 16, 4, 16, 16, 1])


def test_warming_up_again_captures_nothing_again(plain: OpenClipEncoder) -> None:
    pair = streams()
    its = flying(plain, Tower(), pair)
    before = [list(stream.captured) for stream in pair]
    its.warm_up()
    assert [stream.captured for stream in pair] == before


def test_without_a_warm_up_passes_are_computed(plain: OpenClipEncoder) -> None:
    tower = Tower()
    check(flying(plain, tower, streams(), warm=False), plain)
    assert tower.seen == [16, 1, 5, 3, 16, 2, 9, 16, 4, 16, 16, 1]


def test_pixels_that_may_not_be_written_to_fly_too(plain: OpenClipEncoder) -> None:
    pixels = some_pixels(3)
    frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)
    its = flying(plain, Tower(), streams())
    np.testing.assert_array_equal(its.encode_images(frozen), its.encode_images(pixels))


class Gated(TapedStream):
    """Does not land until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_land, self.flying = threading.Event(), threading.Event()
        self.may_land.set()

    def wait(self) -> None:
        self.flying.set()
        assert self.may_land.wait(10)
        super().wait()


@pytest.fixture
def gated(plain: OpenClipEncoder) -> tuple[OpenClipEncoder, list[Gated]]:
    """A warm encoder whose next flights do not land."""
    pair = [Gated(), Gated()]
    its = flying(plain, Tower(), list(pair))
    for stream in pair:
        stream.may_land.clear()
        stream.flying.clear()
    return its, pair


def test_two_batches_fly_at_once_and_a_third_waits_for_a_landing(
    plain: OpenClipEncoder, gated: tuple[OpenClipEncoder, list[Gated]]
) -> None:
    its, pair = gated
    batches = [some_pixels(4, seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(its.encode_images, batch) for batch in batches]
        assert all(stream.flying.wait(10) for stream in pair)
        assert not any(call.done() for call in calls)
        for stream in pair:
            stream.may_land.set()
        for batch, call in zip(batches, calls, strict=True):
            np.testing.assert_allclose(call.result(10), expected(plain, batch), atol=1e-5)


def test_sentences_need_no_flight(gated: tuple[OpenClipEncoder, list[Gated]]) -> None:
    its, pair = gated
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(its.encode_images, some_pixels(1)) for _ in pair]
        assert all(stream.flying.wait(10) for stream in pair)
        assert its.encode_texts(["a knife"]).shape == (1, 32)
        for stream in pair:
            stream.may_land.set()
        assert all(len(call.result(10)) == 1 for call in calls)


def test_graphs_are_freed_only_when_every_flight_has_landed(
    gated: tuple[OpenClipEncoder, list[Gated]],
) -> None:
    its, pair = gated
    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(its.encode_images, some_pixels(3))
        while not any(stream.flying.is_set() for stream in pair):
            time.sleep(0.001)
        freed = pool.submit(its._images.release)
        assert any(stream.captured for stream in pair)
        for stream in pair:
            stream.may_land.set()
        assert len(call.result(10)) == 3
        freed.result(10)
    assert not any(stream.captured for stream in pair)
    assert len(its.encode_images(some_pixels(3))) == 3


def test_many_threads_get_their_own_features(plain: OpenClipEncoder) -> None:
    its = flying(plain, Tower(), streams())
    batches = [some_pixels(1 + seed % 16, seed) for seed in range(60)]
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(its.encode_images, batches))
    for batch, features in zip(batches, found, strict=True):
        np.testing.assert_allclose(features, expected(plain, batch), atol=1e-5)


def test_warming_up_with_too_little_memory_settles_on_less(plain: OpenClipEncoder) -> None:
    pair = streams()
    its = flying(plain, Tower(room=5), pair)
    assert its.max_batch == 4
    assert [stream.captured for stream in pair] == [[1, 4, 2]] * 2
    check(its, plain)


def test_memory_that_runs_out_within_a_capture_is_no_fault_of_the_model(plain: OpenClipEncoder) -> None:
    """It may surface as the end of a broken capture, with the lack of memory behind it."""
    broken = RuntimeError("capture invalidated")
    broken.__context__ = torch.OutOfMemoryError("CUDA says no")
    pair = [TapedStream(None, None, broken), TapedStream()]
    its = flying(plain, Tower(), pair)
    assert its.max_batch == 8
    assert [stream.captured for stream in pair] == [[1, 8, 4, 2]] * 2
    check(its, plain)


def test_memory_that_runs_out_under_load_halves_the_batch_and_goes_on(plain: OpenClipEncoder) -> None:
    tower = Tower()
    pair = [TapedStream(RuntimeError("cannot be captured")), TapedStream()]
    its = flying(plain, tower, pair)
    tower.room = 5
    tower.seen.clear()
    check(its, plain, [20])
    assert tower.seen == [16, 8, 4, 4, 4, 4, 4]


def test_no_memory_for_one_image_ends_the_process(plain: OpenClipEncoder) -> None:
    with pytest.raises(EncoderError, match="one image"):
        flying(plain, Tower(room=0), streams())


def test_no_memory_for_the_buffers_asks_for_a_smaller_batch(plain: OpenClipEncoder) -> None:
    class Full(TapedStream):
        def on_device(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate much.")

    with pytest.raises(ModelError, match=r"16 images.*smaller --max-batch") as caught:
        flying(plain, Tower(), [Full()])
    assert "\n" not in str(caught.value)


def asks_the_device(batch: torch.Tensor) -> torch.Tensor:
    """A tower that looks at a value on its way, which no capture allows."""
    features = Tower()(batch)
    return features if features.sum().item() else -features


def other_when_replayed() -> Callable[[torch.Tensor], torch.Tensor]:
    """A tower whose passes depend on something outside the device: a graph keeps that as it was when captured."""
    passes = iter(range(10**6))

    def tower(batch: torch.Tensor) -> torch.Tensor:
        return Tower()(batch).roll(next(passes), dims=1)

    return tower


@pytest.mark.parametrize(
    ("tower", "reason"), [(asks_the_device, "not permitted"), (other_when_replayed(), "other features")]
)
def test_a_model_that_cannot_be_captured_runs_without_and_says_so_once(
    plain: OpenClipEncoder, tower: Any, reason: str
) -> None:
    pair = streams()
    with structlog.testing.capture_logs() as logs:
        its = flying(plain, tower, pair)
        its.warm_up()
        assert its.encode_images(some_pixels(5)).shape == (5, 32)
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert len(warnings) == 1
    assert "cannot be captured" in warnings[0]["event"]
    assert reason in warnings[0]["reason"]
    assert [stream.captured for stream in pair] == [[], []]


def test_a_graph_that_does_nothing_is_not_trusted(plain: OpenClipEncoder) -> None:
    """Though the features that the model computed just before still lie in the buffer."""

    class Deaf(TapedStream):
        def capture(self, work: Callable[[], None]) -> Callable[[], None]:
            return lambda: None

    tower = Tower()
    its = flying(plain, tower, [Deaf()])
    tower.seen.clear()
    check(its, plain, [5])
    assert tower.seen == [5]


def test_a_device_that_fails_in_flight_ends_the_process(plain: OpenClipEncoder) -> None:
    class Broken(TapedStream):
        broken = False

        def wait(self) -> None:
            if self.broken:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            super().wait()

    stream = Broken()
    its = flying(plain, Tower(), [stream])
    stream.broken = True
    for _ in range(2):  # the second call must not wait for the flight of the first
        with pytest.raises(EncoderError, match="illegal memory access"):
            its.encode_images(some_pixels(3))


def test_the_stand_in_is_as_strict_as_a_gpu() -> None:
    """What is queued is not done before `wait`, and a graph reads and writes the tensors that it was made on."""
    stream = TapedStream()
    source, target = torch.ones(3), torch.zeros(3)
    replay = stream.capture(lambda: target.copy_(source * 2))
    assert target.tolist() == [0, 0, 0]
    with stream.current():
        replay()
    source.fill_(5)
    assert target.tolist() == [0, 0, 0]
    stream.wait()
    assert target.tolist() == [10, 10, 10]
