"""CLIP's symmetric contrastive loss, with a memory of past batches as further negatives.

Without a memory it is open_clip's ``ClipLoss``. The memory is that of Wang et al. 2020, "Cross-Batch Memory for
Embedding Learning": features drift slowly, so those of the last few steps serve as negatives, at the price of one
matrix product. A batch of 256 meets a fifth of the lexicon, and few look-alikes; with the memory, most of it.

Who is whose negative is told by *things*: numbers for what an image shows and for what a caption names. A caption
that names a thing the image shows is no negative of it, or "a dog" would be wrong of every other dog.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

NOTHING = -1
"""Fills the rows of things that are shorter than the longest."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What one side or both sides of a batch offer: N images with their captions."""

    image: Tensor
    """``float32[N,D]``, L2-normalised."""
    text: Tensor
    """``float32[N,D]``, L2-normalised."""
    shown: Tensor
    """``int64[N,T]``: the things that each image shows, filled up with `NOTHING`."""
    named: Tensor
    """``int64[N,T]``: the things that each caption names, filled up likewise."""

    def detached(self) -> Contrast:
        """The same without a gradient."""
        return Contrast(self.image.detach(), self.text.detach(), self.shown, self.named)

    def __len__(self) -> int:
        return len(self.image)


class Memory:
    """The last ``capacity`` images and captions, without gradients."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: Contrast | None = None

    def __call__(self) -> Contrast | None:
        """What is remembered; None while that is nothing."""
        return self._kept

    def add(self, batch: Contrast) -> None:
        """Remember a batch, and forget what is older than the capacity."""
        if not self.capacity:
            return
        old, new = self._kept, batch.detached()
        parts = zip(_parts(old), _parts(new), strict=True) if old else ((part,) for part in _parts(new))
        self._kept = Contrast(*(torch.cat(part)[-self.capacity :] for part in parts))

    def state(self) -> tuple[Tensor, ...]:
        """What a checkpoint holds of it."""
        return () if self._kept is None else _parts(self._kept)

    def restore(self, state: tuple[Tensor, ...]) -> None:
        """Take up a checkpoint's state."""
        self._kept = Contrast(*state) if state else None


def _parts(of: Contrast) -> tuple[Tensor, ...]:
    return of.image, of.text, of.shown, of.named


def share_a_thing(shown: Tensor, named: Tensor) -> Tensor:
    """``bool[N,M]``: whether an image (``shown: int64[N,T]``) shows anything that a caption (``[M,T]``) names."""
    same = shown[:, None, :, None] == named[None, :, None, :]
    return (same & (shown != NOTHING)[:, None, :, None]).flatten(2).any(2)


def contrastive_loss(batch: Contrast, logit_scale: Tensor, memory: Contrast | None = None) -> Tensor:
    """The mean of both directions' cross-entropies, a scalar in nats (Radford et al. 2021, figure 3).

    Columns that share a thing with the row without being its own partner are left out of that row's softmax.
    """
    texts, images, named, shown = batch.text, batch.image, batch.named, batch.shown
    if memory is not None:
        texts, images = torch.cat([texts, memory.text]), torch.cat([images, memory.image])
        named, shown = torch.cat([named, memory.named]), torch.cat([shown, memory.shown])
    own = torch.arange(len(batch), device=batch.image.device)
    to_text = _without(logit_scale * batch.image @ texts.T, share_a_thing(batch.shown, named), own)
    to_image = _without(logit_scale * batch.text @ images.T, share_a_thing(shown, batch.named).T, own)
    return (F.cross_entropy(to_text, own) + F.cross_entropy(to_image, own)) / 2


def _without(logits: Tensor, alike: Tensor, own: Tensor) -> Tensor:
    alike = alike.clone()
    alike[own, own] = False
    return logits.masked_fill(alike, float("-inf"))
