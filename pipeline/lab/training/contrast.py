"""CLIP's symmetric contrastive loss, told who is whose negative.

Where no two images or captions of a batch share anything it is open_clip's ``ClipLoss``. What they share is told by
*things*: numbers for what an image shows and for what a caption names. A caption that names a thing the image shows
is no negative of it, or "a dog" would be wrong of every other dog.

Two ways to more negatives than a batch holds were tried and did not help. Features remembered from past batches (Wang
et al. 2020, "Cross-Batch Memory"): the model learnt to move away from its own past, and the loss on a memory of 2,048
rose from 3.6 to 5.6 in 40 steps. Further captions of no image, encoded without a gradient: zero-shot top-1 fell from
64% to 62% in 260 steps, where look-alikes in the batch itself (`batches.things_with_neighbours`) brought it to 65%.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.lexicon import NOTHING


@dataclass(frozen=True, slots=True)
class Images:
    features: Tensor
    """``float32[N,D]``, L2-normalised."""
    shown: Tensor
    """``int64[N,T]``: the things that each image shows, filled up with `NOTHING`."""


@dataclass(frozen=True, slots=True)
class Captions:
    features: Tensor
    """``float32[N,D]``, L2-normalised."""
    named: Tensor
    """``int64[N,U]``: the things that each caption names, filled up with `NOTHING`."""


def share_a_thing(shown: Tensor, named: Tensor) -> Tensor:
    """``bool[N,M]``: whether an image (``shown: int64[N,T]``) shows anything that a caption (``[M,U]``) names."""
    same = shown[:, None, :, None] == named[None, :, None, :]
    return (same & (shown != NOTHING)[:, None, :, None]).flatten(2).any(2)


def contrastive_loss(images: Images, captions: Captions, logit_scale: Tensor) -> Tensor:
    """The mean of both directions' cross-entropies, a scalar in nats (Radford et al. 2021, figure 3).

    Image and caption n belong together. Columns that share a thing with a row without being its own partner are left
    out of that row's softmax.
    """
    own = torch.arange(len(images.features), device=images.features.device)
    logits = logit_scale * images.features @ captions.features.T
    alike = share_a_thing(images.shown, captions.named)
    alike[own, own] = False
    logits = logits.masked_fill(alike, float("-inf"))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
