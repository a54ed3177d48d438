"""The bundled model's shape, and a fresh one to train."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.model import CLIP

from pipeline.lab.training.bpe import MERGES, MERGES_FILE, lexicon_merges, load_merges
from pipeline.lab.training.trainee import Trainee

IMAGE_SIZE = 80
CONTEXT_LENGTH = 32
SPECIAL_TOKENS = 2
BYTE_TOKENS = 512  # each byte twice: inside a word and at its end
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
        "preprocess_cfg": {
            "size": [IMAGE_SIZE, IMAGE_SIZE],
            "mean": list(MEAN),
            "std": list(STD),
            "interpolation": "bicubic",
        },
    }


def fresh(seed: int) -> Trainee:
    """The bundled model's architecture with random weights; the same seed gives the same ones."""
    whole = config(MERGES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(**whole["model_cfg"], output_dict=False)
    merges = lexicon_merges()
    tokenizer = load_merges(merges, CONTEXT_LENGTH)
    return Trainee(model, lambda texts: tokenizer(list(texts)), whole, merges, torch.float16)
