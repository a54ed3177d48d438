"""The logit scale after training: fitted so that the softmax over the whole lexicon means what it says.

Training learns its scale against the few hundred captions of a batch. Policies are weighed against every line of a
background, several times as many, so the trained scale is too soft there. Temperature scaling (Guo et al. 2017, "On
Calibration of Modern Neural Networks") sets the one number that minimises the negative log-likelihood on held-out
scenes; it changes no ranking.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pipeline.lab.emoji import Atlas
from pipeline.lab.evaluate import ensemble, fresh_scenes, image_features
from pipeline.lab.lexicon import load_lexicon
from pipeline.lab.model import Loaded

SEED = 2**44  # held out from training, and not the seed of any test
LIMIT = 100.0  # CLIP's own clamp
_HALVINGS = 40


def best_scale(cosines: Tensor, right: Tensor) -> float:
    """The scale, up to `LIMIT`, at which ``softmax(scale * cosines: [N,C])`` gives ``right: [N]`` the least NLL.

    The NLL is convex in the scale and its slope is the expected cosine less the right one's, so halving finds it.
    """
    wanted = cosines.gather(1, right.unsqueeze(1)).mean()
    low, high = 0.0, LIMIT
    for _ in range(_HALVINGS):
        scale = (low + high) / 2
        expected = ((cosines * scale).softmax(1) * cosines).sum(1).mean()
        low, high = (scale, high) if expected <= wanted else (low, scale)
    return (low + high) / 2


@torch.inference_mode()
def fit_scale(loaded: Loaded, atlas: Atlas, scenes: int) -> float:
    """Set the model's logit scale to the best one on ``scenes`` held-out scenes; returns it."""
    text = ensemble(loaded, [emoji.name for emoji in load_lexicon()])
    pairs = [(image_features(loaded, images) @ text.T, right) for images, right in fresh_scenes(atlas, scenes, SEED)]
    scale = best_scale(torch.cat([cosines for cosines, _ in pairs]), torch.cat([right for _, right in pairs]))
    loaded.model.logit_scale.fill_(math.log(scale))
    return scale
