"""Small models with random weights in open_clip's ``local-dir:`` layout, for tests that need a model of some kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
CLIP = {
    "embed_dim": 32,
    "init_logit_scale": 4.6,
    "vision_cfg": {"image_size": 64, "layers": 3, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": TEXT,
}
CONVOLUTIONAL = {**CLIP, "vision_cfg": {"image_size": 64, "timm_model_name": "resnet10t", "timm_pool": "avg"}}
SIGLIP = {
    **CLIP,
    "custom_text": True,
    "init_logit_bias": -10,
    "text_cfg": {
        **TEXT,
        "context_length": 64,
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    },
}
SIGLIP_PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def write_model(
    folder: Path, config: dict[str, Any], preprocess: dict[str, Any] | None = None, *, contrast: float = 2.0
) -> str:
    """A model folder with random weights; returns its name, ``local-dir:...``.

    Weights as they are initialised make all images look alike; `contrast` times as large, they tell them apart.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    settings = {"model_cfg": config, "preprocess_cfg": preprocess or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(settings), encoding="utf-8")
    torch.manual_seed(7)
    arguments = json.loads(json.dumps({name: value for name, value in config.items() if name != "custom_text"}))
    model = (open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP)(**arguments)
    weights = {name: each.detach().contiguous() for name, each in model.state_dict().items()}
    for name, each in weights.items():
        if each.ndim > 1:
            weights[name] = each * contrast
    save_file(weights, folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"
