"""Encodes captions for training at the cost of their own lengths."""

from __future__ import annotations

from typing import Any, cast

import torch
from open_clip.model import CLIP
from torch import Tensor, nn

PARTS = 3
"""How many lengths a batch's captions are sorted into."""


def encode_text(model: Any, tokens: Tensor) -> Tensor:
    """open_clip's ``encode_text`` over only as many positions as captions need, short ones apart from long ones.

    The same ``float32[B,D]``: CLIP's text tower is causal and reads its feature at the end token, so the padding
    behind it changes nothing but cost.
    """
    if not isinstance(model, CLIP) or model.text_pool_type != "argmax" or model.attn_mask is None:
        features: Tensor = model.encode_text(tokens)
        return features
    ends = tokens.argmax(1)  # the end token has the greatest id
    order = ends.argsort(stable=True)
    parts = [_encode_short(model, tokens[rows], ends[rows]) for rows in order.chunk(PARTS)]
    return torch.cat(parts)[order.argsort()]


def _encode_short(model: CLIP, tokens: Tensor, ends: Tensor) -> Tensor:
    length = int(ends.max()) + 1
    mask = cast(Tensor, model.attn_mask)[:length, :length]
    x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=mask))
    x = x[torch.arange(len(tokens)), ends]
    projection = model.text_projection
    if projection is None:
        return cast(Tensor, x)
    projected: Tensor = projection(x) if isinstance(projection, nn.Linear) else x @ cast(Tensor, projection)
    return projected
