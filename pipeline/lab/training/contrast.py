"""CLIP's symmetric contrastive loss, with captions of no image of the batch as further negatives.

Without those it is open_clip's ``ClipLoss``. A caption costs far less than an image, and a batch of 256 images meets
a fifth of the lexicon and few look-alikes: some hundred captions more, encoded without a gradient, show each image
most of what it must be told apart from. (Features remembered from past batches, as in Wang et al. 2020, "Cross-Batch
Memory", cost less still and did not work: the model learnt to move away from its own past, and the loss on a memory
of 2,048 rose from 3.6 to 5.6 in 40 steps.)

Who is whose negative is told by *things*: numbers for what an image shows and for what a caption names. A caption
that names a thing the image shows is no negative of it, or "a dog" would be wrong of every other dog.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.lexicon import NOTHING


@dataclass(frozen=True, slots=True)
class Images:
    """N images."""

    features: Tensor
    """``float32[N,D]``, L2-normalised."""
    shown: Tensor
    """``int64[N,T]``: the things that each image shows, filled up with `NOTHING`."""


@dataclass(frozen=True, slots=True)
class Captions:
    """N captions."""

    features: Tensor
    """``float32[N,D]``, L2-normalised."""
    named: Tensor
    """``int64[N,U]``: the things that each caption names, filled up with `NOTHING`."""


def share_a_thing(shown: Tensor, named: Tensor) -> Tensor:
    """``bool[N,M]``: whether an image (``shown: int64[N,T]``) shows anything that a caption (``[M,U]``) names."""
    same = shown[:, None, :, None] == named[None, :, None, :]
    return (same & (shown != NOTHING)[:, None, :, None]).flatten(2).any(2)


def contrastive_loss(images: Images, captions: Captions, more: Captions | None, logit_scale: Tensor) -> Tensor:
    """The mean of both directions' cross-entropies, a scalar in nats (Radford et al. 2021, figure 3).

    Image and caption n belong together; ``more`` are captions of no image here, negatives of every image. Columns
    that share a thing with a row without being its own partner are left out of that row's softmax.
    """
    own = torch.arange(len(images.features), device=images.features.device)
    logits = logit_scale * images.features @ captions.features.T
    alike = share_a_thing(images.shown, captions.named)
    alike[own, own] = False
    logits = logits.masked_fill(alike, float("-inf"))
    to_text = logits
    if more is not None:
        further = logit_scale * images.features @ more.features.T
        further = further.masked_fill(share_a_thing(images.shown, more.named), float("-inf"))
        to_text = torch.cat([logits, further], dim=1)
    return (F.cross_entropy(to_text, own) + F.cross_entropy(logits.T, own)) / 2
