"""A second loss for scenes: each is named among the whole lexicon, what shows nothing by all names alike.

A batch's captions are a few hundred of the lexicon's names, and every image of a batch shows something. What a policy
meets is all names at once, and mostly pictures that none of them fits. So with a frozen text tower, whose features of
the names stand still, each image is also weighed against every name, and scenes of nothing are to be of all names
alike: that is what being unsure means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.lexicon import NOTHING, load_lexicon
from pipeline.lab.training.text import encode_text
from pipeline.lab.training.trainee import Trainee
from pipeline.rules.policies.policy_set import Defaults
from pipeline.rules.policies.templates import fill

SMOOTHING = 0.02
"""The share of an image's target that is spread over all names (Szegedy et al. 2016, "label smoothing")."""
EMPTY_WEIGHT = 0.25
"""What a scene of nothing weighs, that of a thing being 1: all names alike is far from anything at first."""


@dataclass(frozen=True)
class Names:
    """The lexicon's names as a text tower that no longer learns has them."""

    features: Tensor
    """``float32[K,D]``, L2-normalised, each name through the templates that policies go through."""

    @classmethod
    @torch.no_grad()
    def of(cls, trainee: Trainee) -> Names:
        model: Any = trainee.model
        sentences = [each for emoji in load_lexicon() for each in fill(emoji.name, Defaults.templates)]
        features = F.normalize(encode_text(model, trainee.tokenizer(sentences)).float(), dim=-1)
        mean = features.view(len(load_lexicon()), -1, features.shape[-1]).mean(1)
        return cls(F.normalize(mean, dim=-1))

    def loss(self, images: Tensor, shown: Tensor, scale: Tensor) -> Tensor:
        """The mean cross-entropy in nats of ``images: float32[N,D]``, L2-normalised; ``shown: int64[N,T]``.

        Several things of a scene share its target evenly.
        """
        chances = (scale * images @ self.features.to(images.device).T).log_softmax(1)
        seen = (shown != NOTHING).float()
        things = seen.sum(1)
        right = (chances.gather(1, shown.clamp_min(0)) * seen).sum(1) / things.clamp_min(1)
        spread = chances.mean(1)
        target = torch.where(things > 0, (1 - SMOOTHING) * right + SMOOTHING * spread, EMPTY_WEIGHT * spread)
        return -target.mean()
