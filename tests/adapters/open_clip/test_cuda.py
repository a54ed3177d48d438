"""On a GPU itself: graphs are captured and replayed, two batches fly at once, and the features are the CPU's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import structlog
import torch

from pipeline.adapters.open_clip import OpenClipEncoder, load_encoder
from pipeline.adapters.open_clip.cuda import cuda_streams
from pipeline.items import Pixels
from pipeline.path.topology import FLIGHTS
from tests import tiny_models

GPU = torch.device("cuda")
SIZES = [16, 1, 5, 3, 16, 2, 9, 20, 33]

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(scope="module", params=["CLIP", "CONVOLUTIONAL"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[OpenClipEncoder, OpenClipEncoder]:
    """The same model on the CPU and on the GPU."""
    name = tiny_models.write_model(tmp_path_factory.mktemp("models"), getattr(tiny_models, request.param))
    cpu = load_encoder(name, device="cpu", dtype="float32", max_batch=16)
    with structlog.testing.capture_logs() as logs:
        gpu = load_encoder(name, device="cuda", dtype="float32", max_batch=16, flights=FLIGHTS)
    assert not any(line["log_level"] == "warning" for line in logs), "captured, not computed"
    return cpu, gpu


def some_pixels(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng([count, seed]).integers(0, 256, (count, 64, 64, 3), np.uint8)


def test_only_a_cuda_device_has_streams() -> None:
    assert cuda_streams(torch.device("cpu"), FLIGHTS) == []
    assert cuda_streams(torch.device("mps"), FLIGHTS) == []


@needs_gpu
def test_features_are_those_of_the_cpu(pair: tuple[OpenClipEncoder, OpenClipEncoder]) -> None:
    cpu, gpu = pair
    batches = [some_pixels(size) for size in SIZES]
    found = [gpu.encode_images(batch) for batch in batches]
    for batch, features in zip(batches, found, strict=True):
        np.testing.assert_allclose(features, cpu.encode_images(batch), atol=5e-3)
    texts = ["a kitchen knife", "a dog on a beach"]
    np.testing.assert_allclose(gpu.encode_texts(texts), cpu.encode_texts(texts), atol=1e-3)


@needs_gpu
def test_many_threads_get_their_own_features(pair: tuple[OpenClipEncoder, OpenClipEncoder]) -> None:
    """Sentences are encoded meanwhile, as when a policy is edited under load."""
    cpu, gpu = pair
    batches = [some_pixels(1 + seed % 16, seed) for seed in range(200)]
    with ThreadPoolExecutor(4) as pool:
        texts = pool.submit(lambda: [gpu.encode_texts(["a knife"]) for _ in range(20)])
        found = list(pool.map(gpu.encode_images, batches))
    assert all(np.array_equal(each, texts.result()[0]) for each in texts.result())
    for batch, features in zip(batches, found, strict=True):
        np.testing.assert_allclose(features, cpu.encode_images(batch), atol=5e-3)


@needs_gpu
def test_a_batch_under_load_claims_no_memory(pair: tuple[OpenClipEncoder, OpenClipEncoder]) -> None:
    _, gpu = pair
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    for size in SIZES:
        gpu.encode_images(some_pixels(size))
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == before


@needs_gpu
def test_freed_graphs_give_their_memory_back_and_can_be_captured_anew(
    pair: tuple[OpenClipEncoder, OpenClipEncoder],
) -> None:
    cpu, gpu = pair
    reserved = torch.cuda.memory_reserved()
    gpu._images.release()
    assert torch.cuda.memory_reserved() < reserved
    computed = gpu.encode_images(some_pixels(9))
    gpu.warm_up()
    replayed = gpu.encode_images(some_pixels(9))
    for features in (computed, replayed):
        np.testing.assert_allclose(features, cpu.encode_images(some_pixels(9)), atol=5e-3)


@needs_gpu
def test_a_model_that_asks_the_device_for_a_value_runs_without_graphs(
    pair: tuple[OpenClipEncoder, OpenClipEncoder],
) -> None:
    cpu, _ = pair

    def asking(batch: torch.Tensor) -> torch.Tensor:
        features = batch.float().mean(dim=(2, 3)).repeat(1, 11)[:, :32]
        return features if features.sum().item() else -features

    texts = cpu._text_tower
    its, plain = (
        OpenClipEncoder(
            cpu.spec,
            asking,
            texts,
            cpu._tokenizer,
            device=device,
            max_batch=16,
            streams=cuda_streams(device, FLIGHTS),
        )
        for device in (GPU, torch.device("cpu"))
    )
    with structlog.testing.capture_logs() as logs:
        its.warm_up()
    assert sum("cannot be captured" in line["event"] for line in logs) == 1
    np.testing.assert_allclose(its.encode_images(some_pixels(5)), plain.encode_images(some_pixels(5)), atol=1e-4)
