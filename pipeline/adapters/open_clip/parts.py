"""Loads a model in parts, for training: open_clip's module, its tokenizer, and what its folder must say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip.model import get_model_preprocess_cfg
from safetensors import safe_open

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
    stored: torch.dtype
    """In which the model's own file has its floating-point weights; float32 where it has several or says none."""


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
        stored=_stored(origin.folder) if origin.folder else torch.float32,
    )


_STORED = {frozenset({"F16"}): torch.float16, frozenset({"BF16"}): torch.bfloat16}


def _stored(folder: Path) -> torch.dtype:
    kinds = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            kinds |= {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 - no mapping
    return _STORED.get(frozenset(kind for kind in kinds if "F" in kind), torch.float32)
