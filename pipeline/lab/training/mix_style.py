"""MixStyle: features take on the style of another picture, so that things are told by their shapes.

What a hand draws alike everywhere, its colours, shades and strokes, stands to a good part in the mean and deviation
of each channel of early features. Where those are mixed with another picture's, they say less of what is shown (Zhou
et al. 2021, "Domain Generalization with MixStyle", section 3.2, with its alpha of 0.1 raised to 0.2)::

    mix(x) = (b * std(x) + (1 - b) * std(x')) * (x - mean(x)) / std(x) + b * mean(x) + (1 - b) * mean(x')
    b ~ Beta(0.2, 0.2), mean and std over the places of each channel of an image
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

ALPHA = 0.2
STAGES = ("layer1", "layer2")
"""The stages of a ResNet behind which styles are mixed, as timm names them."""
_LEAST_VARIANCE = 1e-5


def mixes_styles(model: nn.Module) -> bool:
    """Whether a model's image tower has the stages for it."""
    return len(_stages(model)) == len(STAGES)


class MixStyle:
    """Mixes the styles of a share of the images that pass a model, within `mixing`."""

    def __init__(self, model: nn.Module, share: float) -> None:
        """`share` of the images, by chance, are mixed. Raises ``ValueError`` for a model without the stages."""
        if not mixes_styles(model):
            raise ValueError(f"there are no {' and '.join(STAGES)} in the image tower")
        self._share = share
        self._random: np.random.Generator | None = None
        for stage in _stages(model):
            stage.register_forward_hook(self._mixed)

    @contextmanager
    def mixing(self, *seed: int) -> Iterator[None]:
        """Mix what passes within; the same numbers mix the same."""
        self._random = np.random.default_rng(seed)
        try:
            yield
        finally:
            self._random = None

    def _mixed(self, stage: nn.Module, inputs: tuple[Tensor, ...], features: Tensor) -> Tensor | None:  # noqa: ARG002
        if self._random is None:
            return None
        count = len(features)
        kept = self._random.beta(ALPHA, ALPHA, count)
        kept[self._random.random(count) >= self._share] = 1.0
        return mixed(features, torch.from_numpy(self._random.permutation(count)), torch.from_numpy(kept))


def mixed(features: Tensor, others: Tensor, kept: Tensor) -> Tensor:
    """``[B,C,H,W]``, each image's style mixed with that of the image which ``int64[B]`` `others` names.

    ``float64[B]`` `kept` is what each keeps of its own, from 0 to 1. The styles themselves have no gradient.
    """
    with torch.no_grad():
        variance, mean = torch.var_mean(features.float(), (2, 3), correction=0, keepdim=True)
        deviation = (variance + _LEAST_VARIANCE).sqrt()
        own = kept.float().to(features.device).view(-1, 1, 1, 1)
        gain = own + (1 - own) * deviation[others] / deviation
        offset = own * mean + (1 - own) * mean[others] - gain * mean
    return features * gain.to(features.dtype) + offset.to(features.dtype)


def _stages(model: nn.Module) -> list[nn.Module]:
    trunk = getattr(cast(Any, model).visual, "trunk", None)
    return [getattr(trunk, name) for name in STAGES if isinstance(getattr(trunk, name, None), nn.Module)]
