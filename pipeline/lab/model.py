"""The bundled model's shape, and its folder in open_clip's ``local-dir:`` layout.

The folder holds ``open_clip_config.json``, ``open_clip_model.safetensors`` (float16) and ``bpe_merges.txt.gz``. The
config's ``tokenizer_kwargs`` name the merges file relative to the folder; open_clip hands that to its tokenizer as it
stands, so whoever loads the folder passes ``bpe_path`` explicitly, as `load_tokenizer` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip.factory import create_model_from_pretrained
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.lab.bpe import MERGES_FILE
from pipeline.lab.files import write_atomically, write_text

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
IMAGE_SIZE = 64
CONTEXT_LENGTH = 32
SPECIAL_TOKENS = 2
BYTE_TOKENS = 512  # each byte, inside a word and at its end
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


def config(merges: int) -> dict[str, Any]:
    """``open_clip_config.json`` of a model whose merges file holds ``merges`` pairs."""
    return {
        "model_cfg": {
            "embed_dim": 256,
            "vision_cfg": {
                "timm_model_name": "resnet10t",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "linear",
                "image_size": IMAGE_SIZE,
            },
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": BYTE_TOKENS + merges + SPECIAL_TOKENS,
                "width": 128,
                "heads": 4,
                "layers": 3,
                "tokenizer_kwargs": {"bpe_path": MERGES_FILE},
            },
        },
        "preprocess_cfg": {"size": [IMAGE_SIZE, IMAGE_SIZE], "mean": MEAN, "std": STD, "interpolation": "bicubic"},
    }


def build(merges: int) -> CLIP:
    """A fresh model with random weights (torch's global generator)."""
    return CLIP(**config(merges)["model_cfg"], output_dict=False)


def normalise(pixels: Tensor) -> Tensor:
    """``float32[B,3,S,S]`` in [0,1] to what the vision tower takes."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1)
    return (pixels - mean) / std


def export(folder: Path, state: dict[str, Tensor], merges: int) -> None:
    """Write config and weights (floating ones as float16); each file appears whole or not at all."""
    half = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in state.items()
    }
    write_text(folder / CONFIG_FILE, json.dumps(config(merges), indent=2) + "\n")
    metadata = {"format": "pt"}
    write_atomically(folder / WEIGHTS_FILE, lambda temporary: save_file(half, str(temporary), metadata=metadata))


def load_tokenizer(folder: Path) -> SimpleTokenizer:
    """The folder's tokenizer: texts -> ``int64[B, context length]``. Needs the merges file alone."""
    return SimpleTokenizer(str(folder / MERGES_FILE), context_length=CONTEXT_LENGTH)


@dataclass(frozen=True)
class Loaded:
    """A model folder made ready to judge: ``preprocess`` takes an RGB picture to ``float32[3,S,S]``."""

    model: CLIP
    preprocess: Callable[[Image.Image], Tensor]
    tokenizer: SimpleTokenizer


def load(folder: Path) -> Loaded:
    """Load a folder in evaluation mode. Raises `ModelError` when it is not one of ours."""
    if not (folder / WEIGHTS_FILE).is_file() or not (folder / CONFIG_FILE).is_file():
        raise ModelError(f"{folder} holds no {CONFIG_FILE} and {WEIGHTS_FILE}: train one with `sluice train`")
    model, preprocess = create_model_from_pretrained(f"local-dir:{folder}")
    return Loaded(model.eval(), preprocess, load_tokenizer(folder))
