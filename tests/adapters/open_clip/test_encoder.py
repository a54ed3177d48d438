"""The encoder gives the scores of open_clip's own recipe in any batch, and says clearly what it cannot load."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import structlog
import torch
from PIL import Image

from pipeline.adapters.open_clip import BUNDLED_MODEL, OpenClipEncoder, load_encoder, load_tokenizer
from pipeline.adapters.open_clip.towers import choose_device
from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import EncoderError, ModelError
from pipeline.items import Pixels
from pipeline.signals import Features
from tests import images, tiny_models

TEXTS = [
    "a photo of a kitchen knife",
    "a picture of a bomb",
    "a dog on a beach",
    "two people at a table, one of whom holds a glass of red wine while the other looks out of the window",
    "x",
]
PHOTOGRAPHS = [
    images.photograph(320, 240, 1),
    images.photograph(200, 300, 2),
    images.flat((250, 240, 10), (300, 300)),
    images.corners((400, 300)),
    images.photograph(64, 64, 3, detail=2),
]

needs_bundled = pytest.mark.skipif(
    not (BUNDLED_MODEL / "open_clip_config.json").is_file(), reason="the bundled model is not trained yet"
)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tiny models by kind, as ``local-dir:...`` names."""
    root = tmp_path_factory.mktemp("models")
    return {
        "clip": tiny_models.write_model(root / "clip", tiny_models.CLIP),
        "convolutional": tiny_models.write_model(root / "convolutional", tiny_models.CONVOLUTIONAL),
        "siglip": tiny_models.write_model(root / "siglip", tiny_models.SIGLIP, tiny_models.SIGLIP_PREPROCESS),
    }


@pytest.fixture(scope="module")
def encoder(folders: dict[str, str]) -> OpenClipEncoder:
    return load_encoder(folders["clip"], device="cpu", dtype="float32")


def plain_recipe(name: str, stills: Sequence[Image.Image], **tokenizer: str) -> tuple[Any, Features, Features]:
    """The model, image features and text features as open_clip's README has them, one image at a time."""
    torch.manual_seed(0)
    model, _, transform = open_clip.create_model_and_transforms(name, pretrained_text=False)
    model.eval()
    with torch.inference_mode():
        image_features = torch.cat([model.encode_image(transform(still)[None]) for still in stills])
        text_features = model.encode_text(open_clip.get_tokenizer(name, **tokenizer)(TEXTS))
    pair = [each / each.norm(dim=-1, keepdim=True) for each in (image_features, text_features)]
    return model, pair[0].numpy(), pair[1].numpy()


def scores(image_features: Features, text_features: Features, scale: float, bias: float | None) -> Features:
    """CLIP's softmax or SigLIP's sigmoid of the scaled cosines."""
    logits = torch.from_numpy(scale * image_features @ text_features.T)
    probabilities = logits.softmax(dim=-1) if bias is None else torch.sigmoid(logits + bias)
    return probabilities.numpy()


def ours(its: OpenClipEncoder, stills: Sequence[Image.Image]) -> tuple[Features, Features]:
    decoder = PillowDecoder(its.spec, preprocess="exact")
    pixels = np.concatenate([decoder.decode(images.encoded(still)).pixels for still in stills])
    return its.encode_images(pixels), its.encode_texts(TEXTS)


def check_parity(its: OpenClipEncoder, name: str, scale: float | None = None, **tokenizer: str) -> None:
    """Scores within 1e-4; and the images differ by far more than that, or the check would show nothing."""
    model, image_features, text_features = plain_recipe(name, PHOTOGRAPHS, **tokenizer)
    bias = None if model.logit_bias is None else float(model.logit_bias.detach())
    assert its.spec.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()), rel=1e-6)
    assert its.spec.logit_bias == bias
    scale = scale or its.spec.logit_scale
    expected = scores(image_features, text_features, scale, bias)
    found = scores(*ours(its, PHOTOGRAPHS), scale, bias)
    spread = np.ptp(expected, axis=0).max()
    error = np.abs(found - expected).max()
    print(f"{its.spec.name}: worst score error {error:.1e}, scores spread over {spread:.3f}")  # noqa: T201
    assert spread > (0.01 if bias is None else 2e-3)
    assert error <= (1e-4 if bias is None else 1e-5)


@pytest.mark.parametrize("kind", ["clip", "convolutional", "siglip"])
def test_scores_of_a_local_model_are_the_plain_recipes(folders: dict[str, str], kind: str) -> None:
    check_parity(load_encoder(folders[kind], device="cpu", dtype="float32"), folders[kind])


@pytest.mark.parametrize("name", ["ViT-B-32", "RN50"])
def test_scores_of_a_published_architecture_are_the_plain_recipes(name: str) -> None:
    """Random weights hardly tell images apart, so the cosines are scaled by 100, as trained models scale them."""
    check_parity(load_encoder(name, device="cpu", dtype="float32"), name, scale=100.0)


@needs_bundled
def test_scores_of_the_bundled_model_are_the_plain_recipes() -> None:
    merges = str(BUNDLED_MODEL / "bpe_merges.txt.gz")
    check_parity(
        load_encoder("bundled", device="cpu", dtype="float32"), f"local-dir:{BUNDLED_MODEL}", bpe_path=merges
    )


def test_a_siglip_model_uses_its_own_bias_and_squashes(folders: dict[str, str]) -> None:
    spec = load_encoder(folders["siglip"], device="cpu", dtype="float32").spec
    assert spec.logit_bias == -10
    assert spec.resize_mode == "squash"
    assert spec.mean == (0.5, 0.5, 0.5)
    assert spec.context_length == 64


def some_pixels(count: int, size: int = 64) -> Pixels:
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), np.uint8)


def test_features_are_unit_vectors_in_float32(encoder: OpenClipEncoder) -> None:
    for features in (encoder.encode_images(some_pixels(3)), encoder.encode_texts(TEXTS)):
        assert features.dtype == np.float32
        assert features.shape[1] == encoder.spec.features == 32
        assert np.linalg.norm(features, axis=1) == pytest.approx(1.0, abs=1e-6)


def test_an_image_alone_has_the_features_it_has_among_sixty_five(encoder: OpenClipEncoder) -> None:
    """65 is a full batch and one over."""
    pixels = some_pixels(65)
    together = encoder.encode_images(pixels)
    for row in (0, 31, 63, 64):
        assert np.abs(encoder.encode_images(pixels[row : row + 1])[0] - together[row]).max() < 1e-5


def test_a_sentence_has_the_same_features_whoever_stands_beside_it(encoder: OpenClipEncoder) -> None:
    """To the last bit, as they are shared by a fleet: lengths and neighbours of the others do not matter."""
    crowd = [f"number {index} " + "and more " * (index % 30) for index in range(70)]
    together = encoder.encode_texts([*crowd, *TEXTS])[70:]
    assert np.array_equal(together, encoder.encode_texts(TEXTS))
    for row, text in enumerate(TEXTS):
        assert np.array_equal(encoder.encode_texts([text])[0], together[row])


def test_nothing_in_nothing_out(encoder: OpenClipEncoder) -> None:
    assert encoder.encode_images(some_pixels(0)).shape == (0, 32)
    assert encoder.encode_texts([]).shape == (0, 32)


def test_pixels_of_the_wrong_shape_or_type_are_a_bug_of_the_caller(encoder: OpenClipEncoder) -> None:
    with pytest.raises(ValueError, match=r"uint8\[B,64,64,3\]"):
        encoder.encode_images(some_pixels(2, size=32))
    with pytest.raises(ValueError, match="uint8"):
        encoder.encode_images(some_pixels(2).astype(np.float32))  # type: ignore[arg-type]


def test_pixels_that_may_not_be_written_to_are_welcome(encoder: OpenClipEncoder) -> None:
    """Shared memory is often mapped read-only."""
    pixels = some_pixels(2)
    frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)
    assert np.array_equal(encoder.encode_images(frozen), encoder.encode_images(pixels))


def test_threads_may_share_an_encoder(encoder: OpenClipEncoder) -> None:
    batches = [some_pixels(count) for count in range(1, 9)]
    alone = [encoder.encode_images(each) for each in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(encoder.encode_images, batches))
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(alone, together, strict=True))


class Device:
    """An image tower on a device with little memory, or none at all left, or a broken one."""

    def __init__(self, room: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
        self.room, self.error, self.seen = room, error, list[int]()

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(batch))
        if len(batch) > self.room:
            raise self.error("CUDA says no")
        return batch.mean(dim=(2, 3)).repeat(1, 11)[:, :32]


def on(device: Any, encoder: OpenClipEncoder, max_batch: int = 16) -> OpenClipEncoder:
    return OpenClipEncoder(encoder.spec, device, device, encoder._tokenizer, max_batch=max_batch)


class Lanes:
    """An image tower that keeps which threads called it."""

    def __init__(self) -> None:
        self.threads = set[int]()

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self.threads.add(threading.get_ident())
        return batch.mean(dim=(2, 3)).repeat(1, 11)[:, :32]

    def under(self, encoder: OpenClipEncoder, *, spread: bool) -> OpenClipEncoder:
        return OpenClipEncoder(
            encoder.spec, self, encoder._text_tower, encoder._tokenizer, lanes=2, max_batch=8, spread=spread
        )


def test_a_call_is_spread_over_the_lanes_or_stays_with_its_caller(encoder: OpenClipEncoder) -> None:
    """Where a caller stands on every core, lanes of the encoder's own would only be in the way."""
    caller, pixels, lanes, alone = threading.get_ident(), some_pixels(9), Lanes(), Lanes()
    features = lanes.under(encoder, spread=True).encode_images(pixels)
    assert np.allclose(features, alone.under(encoder, spread=False).encode_images(pixels), atol=1e-6)
    assert caller not in lanes.threads
    assert alone.threads == {caller}


def test_warming_up_tries_the_lanes_whoever_will_call(encoder: OpenClipEncoder) -> None:
    """How many images a pass takes best depends on what the other cores do meanwhile."""
    lanes = Lanes()
    lanes.under(encoder, spread=False).warm_up()
    assert lanes.threads - {threading.get_ident()}


def test_out_of_memory_halves_the_batch_and_goes_on(encoder: OpenClipEncoder) -> None:
    device = Device(room=5)
    small = on(device, encoder)
    pixels = some_pixels(20)
    features = small.encode_images(pixels)
    assert device.seen == [10, 5, 5, 5, 5]
    assert small.max_batch == 5
    assert np.allclose(features, on(Device(room=99), encoder).encode_images(pixels))


def test_no_memory_for_one_image_stops_the_worker(encoder: OpenClipEncoder) -> None:
    with pytest.raises(EncoderError, match="one image"):
        on(Device(room=0), encoder).encode_images(some_pixels(3))


def test_a_broken_device_stops_the_worker(encoder: OpenClipEncoder) -> None:
    broken = on(Device(room=0, error=RuntimeError), encoder)
    with pytest.raises(EncoderError, match="CUDA says no"):
        broken.encode_images(some_pixels(3))
    with pytest.raises(EncoderError):
        broken.encode_texts(TEXTS)


def test_an_image_whose_features_overflow_is_told_from_its_neighbours(encoder: OpenClipEncoder) -> None:
    """One image that a 16-bit dtype cannot hold must not stop a worker, which would meet it again after a restart."""

    def overflowing(batch: torch.Tensor) -> torch.Tensor:
        features = torch.ones(len(batch), 32)
        features[1] = torch.inf
        return features

    features = on(overflowing, encoder).encode_images(some_pixels(3))
    assert np.isfinite(features).all(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_dtype_that_was_asked_for_is_used_for_images_alone(
    folders: dict[str, str], encoder: OpenClipEncoder, dtype: str
) -> None:
    half = load_encoder(folders["clip"], device="cpu", dtype=dtype)
    assert half.spec.dtype == dtype
    assert half.spec.fingerprint == encoder.spec.fingerprint
    assert np.array_equal(half.encode_texts(TEXTS), encoder.encode_texts(TEXTS))
    pixels = some_pixels(9)
    cosines = (half.encode_images(pixels) * encoder.encode_images(pixels)).sum(axis=1)
    assert 0.99 < cosines.min() < 1.0 - 1e-7


def test_left_to_itself_the_dtype_is_one_whose_features_agree(
    folders: dict[str, str], encoder: OpenClipEncoder
) -> None:
    chosen = load_encoder(folders["clip"], device="cpu")
    assert chosen.spec.dtype in {"float32", "bfloat16"}
    chosen.warm_up()
    pixels = some_pixels(9)
    assert (chosen.encode_images(pixels) * encoder.encode_images(pixels)).sum(axis=1).min() > 0.995


def test_tokens_are_counted_before_any_is_cut_off(folders: dict[str, str], encoder: OpenClipEncoder) -> None:
    tokenizer = load_tokenizer(folders["clip"])
    assert tokenizer.context_length == encoder.spec.context_length == 77
    for its in (tokenizer, encoder):
        assert its.count_tokens("a photo of a kitchen knife") == 8
        assert its.count_tokens("knife " * 100) == 102
        assert its.count_tokens("") == 2


def test_a_tokenizer_with_its_own_merges_is_found_beside_the_weights(tmp_path: Path) -> None:
    """A relative ``bpe_path`` means the model's folder, not wherever the process was started."""
    lines = gzip.decompress(Path(open_clip.tokenizer.default_bpe()).read_bytes()).decode().split("\n")
    merges = "\n".join(lines[:1001])
    text = {**tiny_models.TEXT, "vocab_size": 512 + 1000 + 2, "tokenizer_kwargs": {"bpe_path": "merges.txt.gz"}}
    name = tiny_models.write_model(tmp_path / "own", {**tiny_models.CLIP, "text_cfg": text})
    with pytest.raises(ModelError, match=r"merges\.txt\.gz does not exist"):
        load_encoder(name)
    (tmp_path / "own" / "merges.txt.gz").write_bytes(gzip.compress(merges.encode()))
    own = load_encoder(name, device="cpu", dtype="float32")
    assert own.count_tokens("a photo of a kitchen knife") > 8
    assert own.encode_texts(TEXTS).shape == (5, 32)


def test_the_fingerprint_changes_with_weights_tokenizer_and_preprocessing_alone(tmp_path: Path) -> None:
    def of(
        folder: str,
        preprocess: dict[str, Any] | None = None,
        text: dict[str, Any] | None = None,
        contrast: float = 2.0,
    ) -> str:
        config = {**tiny_models.CLIP, "text_cfg": {**tiny_models.TEXT, **(text or {})}}
        name = tiny_models.write_model(tmp_path / folder, config, preprocess, contrast=contrast)
        return load_encoder(name, device="cpu", dtype="float32").spec.fingerprint

    first = of("one")
    assert len(first) == 16
    assert first == of("a copy elsewhere")
    assert first != of("weights", contrast=2.001)
    assert first != of("preprocess", {"resize_mode": "squash"})
    assert first != of("tokenizer", text={"tokenizer_kwargs": {"clean": "whitespace"}})


def test_random_weights_are_said_loudly_and_are_always_the_same() -> None:
    with structlog.testing.capture_logs() as logs:
        one = load_encoder("ViT-S-32-alt", device="cpu", dtype="float32")
    assert any(line["log_level"] == "warning" and "random weights" in line["event"] for line in logs)
    assert one.spec.name == "ViT-S-32-alt/random-weights"
    torch.manual_seed(99)
    assert load_encoder("ViT-S-32-alt", device="cpu", dtype="float32").spec.fingerprint == one.spec.fingerprint


def test_a_checkpoint_file_is_loaded_by_its_path(tmp_path: Path) -> None:
    """And one of another architecture says that it does not fit, on one line."""
    torch.manual_seed(5)
    path = tmp_path / "mine.pt"
    torch.save(open_clip.create_model("ViT-S-32-alt").state_dict(), path)
    assert load_encoder("ViT-S-32-alt", str(path), device="cpu", dtype="float32").spec.name == "ViT-S-32-alt/mine"
    with pytest.raises(ModelError, match=r"mine\.pt (does not fit|cannot be loaded as) ViT-S-32: ") as caught:
        load_encoder("ViT-S-32", str(path))
    assert "\n" not in str(caught.value)


def test_loading_leaves_the_root_logger_as_it_was(folders: dict[str, str]) -> None:
    before = (list(logging.getLogger().handlers), list(logging.getLogger().filters))
    load_encoder(folders["clip"], device="cpu", dtype="float32")
    assert (list(logging.getLogger().handlers), list(logging.getLogger().filters)) == before


@pytest.mark.parametrize(
    ("model", "pretrained", "words"),
    [
        ("ViT-B-23", None, "did you mean ViT-B-32"),
        ("vit-b-32", None, "did you mean ViT-B-32"),
        ("ViT-B-32", "laion2b_s34b_b79", "did you mean laion2b_s34b_b79k"),
        ("ViT-B-32", "/nowhere/model.pt", "there is no such file"),
        ("local-dir:/nowhere", None, "does not exist"),
        ("bundled", "openai", "brings its own weights"),
        ("RN50", None, "there is no device"),
        ("RN50", None, "unknown dtype"),
    ],
)
def test_what_cannot_be_loaded_says_what_to_do_on_one_line(model: str, pretrained: str | None, words: str) -> None:
    options = {"there is no device": {"device": "cuda:99"}, "unknown dtype": {"dtype": "int4"}}.get(words, {})
    with pytest.raises(ModelError, match=words) as caught:
        load_encoder(model, pretrained, **options)
    assert "\n" not in str(caught.value)


def test_broken_model_folders_say_what_is_wrong(tmp_path: Path, folders: dict[str, str]) -> None:
    config = tmp_path / "open_clip_config.json"
    name = f"local-dir:{tmp_path}"
    odd = [{"text_cfg": []}, {"text_cfg": {**tiny_models.TEXT, "tokenizer_kwargs": None}}, {"embed_dim": "32"}]
    odder = [json.dumps({"model_cfg": {**tiny_models.CLIP, **each}}) for each in odd]
    for text in ("{", "[]", '{"model_cfg": {}}', *odder):
        config.write_text(text, encoding="utf-8")
        with pytest.raises(ModelError, match="is not open_clip's configuration"):
            load_encoder(name)
    config.write_text(json.dumps({"model_cfg": tiny_models.CLIP}), encoding="utf-8")
    with pytest.raises(ModelError, match="holds no weights"):
        load_encoder(name)
    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(name)
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps(Path("a letter")))
    weights.unlink()
    with pytest.raises(ModelError, match="may ask to run code, and is not loaded; convert it") as caught:
        load_encoder(name)
    assert "\n" not in str(caught.value)
    other = Path(folders["convolutional"].removeprefix("local-dir:")) / "open_clip_model.safetensors"
    weights.write_bytes(other.read_bytes())
    with pytest.raises(ModelError, match="does not fit"):
        load_encoder(name)


def test_a_device_that_computes_nothing_is_none() -> None:
    with pytest.raises(ModelError, match="there is no device 'meta' here"):
        choose_device("meta")


def test_a_folder_whose_preprocessing_is_none_says_so(tmp_path: Path) -> None:
    name = tiny_models.write_model(tmp_path, tiny_models.CLIP, {"mean": "x"})
    with pytest.raises(ModelError, match=r"the preprocess_cfg of .* is none of a model"):
        load_encoder(name)


def test_a_tokenizer_that_has_to_be_downloaded_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """SigLIP's own tokenizers come from the Hugging Face hub, through a package that Sluice does not install."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="the tokenizer of ViT-B-16-SigLIP") as caught:
        load_tokenizer("ViT-B-16-SigLIP")
    assert "\n" not in str(caught.value)


def test_the_decoder_does_not_import_torch() -> None:
    import subprocess
    import sys

    code = "import sys, pipeline.adapters.pillow; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
