"""Loads a model's weights, and tells the facts and the fingerprint that the rest of the path knows it by."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import structlog
import torch
from open_clip.factory import create_model as create_open_clip_model
from open_clip.model import get_model_preprocess_cfg

from pipeline.adapters.open_clip.origin import HOW_TO_GO_LOCAL, ModelOrigin, first_line
from pipeline.adapters.open_clip.text import Tokenizer
from pipeline.errors import ModelError
from pipeline.ports import EncoderSpec

RANDOM_SEED = 0
FINGERPRINT_LENGTH = 16


def create_model(origin: ModelOrigin) -> Any:
    """open_clip's model in float32 on the CPU, in inference mode; raises `ModelError` where the weights do not fit.

    Random weights are always the same ones, so that a fleet of them agrees. A published tag decides the activation
    function itself: open_clip only warns when ``ViT-B-32`` is loaded with OpenAI's weights, which need QuickGELU.
    """
    options: dict[str, Any] = {}
    if "quick_gelu" in origin.config:
        options["quick_gelu"] = origin.config["quick_gelu"]
    if origin.is_random:
        structlog.get_logger().warning("random weights: every score will be meaningless", model=origin.label)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), _hushed():
            warnings.filterwarnings("ignore", "QuickGELU mismatch")
            torch.manual_seed(RANDOM_SEED)
            model = create_open_clip_model(
                origin.architecture,
                pretrained=origin.pretrained,
                require_pretrained=not origin.is_random,
                pretrained_text=False,
                **options,
            )
    except Exception as error:  # each loader of weights, configs and downloads raises its own kinds
        raise ModelError(_explain(origin, error)) from error
    return model.eval().requires_grad_(requires_grad=False)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keeps open_clip's remarks, made on the root logger itself, off it: what matters is raised or logged here.

    The handler keeps `logging` from installing one of its own at the first remark.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(_nothing)
    try:
        yield
    finally:
        root.removeFilter(_nothing)
        root.removeHandler(handler)


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _explain(origin: ModelOrigin, error: Exception) -> str:
    words = str(error)
    asked = origin.pretrained or origin.folder or origin.architecture
    if "Error(s) in loading state_dict" in words:
        missing, unexpected, sizes = (
            words.count(mark) for mark in ("Missing key", "Unexpected key", "size mismatch")
        )
        found = [("weights are missing", missing), ("there are weights it has no use for", unexpected)]
        why = [text for text, count in found if count] + ([f"{sizes} have another size"] if sizes else [])
        return f"{asked} does not fit {origin.architecture}: {', '.join(why)}; name the architecture it was made for"
    if "weights_only" in words:  # torch's own advice is to let the file run what it likes
        return (
            f"{asked} holds something else than weights, which may ask to run code, and is not loaded; "
            "convert it to safetensors where you trust it"
        )
    if "Failed to download" in words or "HF Hub" in words:
        return f"the weights of {origin.label} cannot be downloaded ({first_line(error)}); {HOW_TO_GO_LOCAL}"
    return f"{asked} cannot be loaded as {origin.architecture}: {first_line(error)}"


def describe(origin: ModelOrigin, model: Any, tokenizer: Tokenizer) -> EncoderSpec:
    """What the rest of the path must know of a model, from its real configuration, before it is cast from float32.

    Raises `ModelError` for a logit scale or bias by which no score is a number, and would be under any threshold.
    """
    preprocess = get_model_preprocess_cfg(model)
    scale, bias = float(model.logit_scale.detach().float().exp()), getattr(model, "logit_bias", None)
    bias = None if bias is None else float(bias.detach().float())
    if not (math.isfinite(scale) and scale > 0 and math.isfinite(bias or 0.0)):
        raise ModelError(f"{origin.label} has a logit scale of {scale} and a bias of {bias}; its weights are damaged")
    try:
        size = preprocess["size"]
        image_size = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        mean, std = _per_channel(preprocess["mean"]), _per_channel(preprocess["std"])
    except (ValueError, TypeError, LookupError) as error:
        raise ModelError(f"the preprocess_cfg of {origin.label} is none of a model: {error}") from error
    return EncoderSpec(
        name=origin.label,
        fingerprint=fingerprint(origin.config, preprocess, tokenizer, model),
        dtype="float32",
        image_size=image_size,
        mean=mean,
        std=std,
        interpolation="bilinear" if preprocess["interpolation"] == "bilinear" else "bicubic",
        resize_mode=preprocess["resize_mode"],
        features=int(origin.config["embed_dim"]),
        context_length=tokenizer.context_length,
        logit_scale=scale,
        logit_bias=bias,
    )


def _per_channel(values: Any) -> tuple[float, ...]:
    return (float(values),) * 3 if isinstance(values, (int, float)) else tuple(float(value) for value in values)


def fingerprint(
    config: dict[str, Any], preprocess: dict[str, Any], tokenizer: Tokenizer, model: torch.nn.Module
) -> str:
    """16 hex digits of SHA-256 over whatever decides a score: architecture, preprocessing, tokenizer, weights.

    Weights count as float32 in the order of their names, each hashed on its own so that threads share the work:
    ViT-B-32's 605 MB take under a second. A path to the tokenizer's merges does not count, the merges do.
    """
    text = {name: value for name, value in config["text_cfg"].items() if name != "tokenizer_kwargs"}
    options = dict(config["text_cfg"].get("tokenizer_kwargs") or {})
    options.pop("bpe_path", None)
    facts = {**config, "text_cfg": {**text, "tokenizer_kwargs": options}, "preprocess": preprocess}
    weights = sorted((name, each) for name, each in model.state_dict().items() if each.is_floating_point())
    with ThreadPoolExecutor() as pool:
        digests = pool.map(_digest, [each for _, each in weights])
        total = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        total.update(tokenizer.identity())
        for (name, _), digest in zip(weights, digests, strict=True):
            total.update(name.encode() + b"\x00" + digest)
    return total.hexdigest()[:FINGERPRINT_LENGTH]


def _digest(tensor: torch.Tensor) -> bytes:
    shape = repr(tuple(tensor.shape)).encode()
    digest = hashlib.sha256(shape)
    digest.update(tensor.detach().float().cpu().contiguous().reshape(-1).numpy().data)
    return digest.digest()
