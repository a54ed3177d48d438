"""Loads a model in parts, for training: open_clip's module, its tokenizer, and what its folder must say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from open_clip.model import get_model_preprocess_cfg

from pipeline.adapters.open_clip.origin import find_model
from pipeline.adapters.open_clip.text import Tokenizer, tokenizer_of
from pipeline.adapters.open_clip.weights import create_model


@dataclass(frozen=True)
class Parts:
    """A loaded model; all of its weights may be trained."""

    label: str
    """What decisions call the model."""
    module: torch.nn.Module
    """open_clip's own, in float32 on the CPU."""
    tokenizer: Tokenizer
    config: dict[str, Any]
    """``open_clip_config.json``: ``model_cfg`` and ``preprocess_cfg``."""
    merges: bytes | None
    """The tokenizer's merges file, where the model's folder brings its own."""


def load_parts(model: str, pretrained: str | None) -> Parts:
    """Load a model to train it further; ``model`` and ``pretrained`` as everywhere. Raises `ModelError`."""
    origin = find_model(model, pretrained)
    module = create_model(origin).requires_grad_(requires_grad=True)
    tokenizer = tokenizer_of(origin)
    merges = origin.config["text_cfg"].get("tokenizer_kwargs", {}).get("bpe_path")
    return Parts(
        label=origin.label,
        module=module,
        tokenizer=tokenizer,
        config={"model_cfg": origin.config, "preprocess_cfg": dict(get_model_preprocess_cfg(module))},
        merges=(origin.folder / merges).read_bytes() if origin.folder and merges else None,
    )
