"""A model taken apart for training: open_clip's module, its tokenizer, and what its folder must say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from open_clip.model import get_model_preprocess_cfg

from pipeline.adapters.open_clip.source import find_model
from pipeline.adapters.open_clip.text import Tokenizer, tokenizer_of
from pipeline.adapters.open_clip.weights import create_model


@dataclass(frozen=True)
class Parts:
    """A loaded model; all of its weights may be trained."""

    label: str
    """What decisions call it."""
    module: torch.nn.Module
    """open_clip's own, in float32 on the CPU."""
    tokenizer: Tokenizer
    config: dict[str, Any]
    """``open_clip_config.json``: ``model_cfg`` and ``preprocess_cfg``."""
    merges: bytes | None
    """The merges file of a vocabulary of its own."""


def load_parts(model: str, pretrained: str | None) -> Parts:
    """Load a model to train it further; ``model`` and ``pretrained`` as everywhere. Raises `ModelError`."""
    source = find_model(model, pretrained)
    module = create_model(source).requires_grad_(requires_grad=True)
    tokenizer = tokenizer_of(source)
    merges = source.config["text_cfg"].get("tokenizer_kwargs", {}).get("bpe_path")
    return Parts(
        label=source.label,
        module=module,
        tokenizer=tokenizer,
        config={"model_cfg": source.config, "preprocess_cfg": dict(get_model_preprocess_cfg(module))},
        merges=(source.folder / merges).read_bytes() if source.folder and merges else None,
    )
