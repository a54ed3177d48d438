"""Features of places in one pass, where an architecture has them: what the maps of the lab are measured beside.

Of a tower whose last step is the mean over places and a linear layer, they are exact: their mean is the image's
feature (class activation: Zhou et al. 2016, "Learning Deep Features for Discriminative Localization"). Of a vision
transformer they go through the value path of its last attention, where each token attends to itself alone (MaskCLIP:
Zhou, Loy and Dai 2022, "Extract Free Dense Labels from CLIP").
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor


def places(visual: Any, images: Tensor) -> Tensor | None:
    """``float32[B,h,w,D]`` of normalised ``float32[B,3,H,W]``, not of unit length; None of another architecture."""
    with torch.inference_mode():
        if hasattr(visual, "trunk"):
            return _averaged(visual, images)
        return _values(visual, images) if hasattr(visual, "transformer") else None


def _averaged(visual: Any, images: Tensor) -> Tensor | None:
    found = visual.trunk.forward_features(images)
    made: Tensor = visual.head(found.permute(0, 2, 3, 1)) if found.ndim == 4 else found
    exact = found.ndim == 4 and torch.allclose(made.mean(dim=(1, 2)), visual(images), rtol=1e-3, atol=1e-4)
    return made if exact else None


def _values(visual: Any, images: Tensor) -> Tensor:
    *blocks, last = visual.transformer.resblocks
    tokens = visual._embeds(images)
    for block in blocks:
        tokens = block(tokens)
    width = tokens.shape[-1]
    attention = last.attn
    values = F.linear(last.ln_1(tokens), attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :])
    tokens = tokens + last.ls_1(attention.out_proj(values))
    tokens = tokens + last.ls_2(last.mlp(last.ln_2(tokens)))
    made: Tensor = visual.ln_post(tokens)[:, 1:] @ visual.proj
    rows, columns = visual.grid_size
    return made.reshape(len(made), rows, columns, -1)
