"""A CLIP with random weights that loads in a moment: for tests in which it does not matter what is in a picture."""

from __future__ import annotations

import json
import math
from pathlib import Path

SIDE = 32
"""Pixels on a side of its input."""
LOGIT_SCALE = 100.0
"""As trained CLIPs have it; without it random features would score every image alike."""


def make_tiny_model(folder: Path) -> str:
    """Write one in open_clip's ``local-dir:`` layout, and return what ``--model`` takes for it."""
    import torch
    from open_clip import CLIP
    from safetensors.torch import save_file

    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": SIDE, "patch_size": 8, "layers": 1, "width": 32, "head_width": 16},
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    torch.manual_seed(0)
    model = CLIP(**config, init_logit_scale=math.log(LOGIT_SCALE))
    folder.mkdir(parents=True, exist_ok=True)
    described = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"
