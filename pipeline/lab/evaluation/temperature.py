"""The logit scale after training: fitted so that the softmax over the whole lexicon means what it says.

Training learns its scale against the few hundred captions of a batch. Policies are weighed against every line of a
background, several times as many, so the trained scale is too soft there. Temperature scaling (Guo et al. 2017, "On
Calibration of Modern Neural Networks") sets the one number that minimises the negative log-likelihood on held-out
scenes; it changes no ranking.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.lab.evaluation.findings import TEMPLATES, Subject
from pipeline.lab.evaluation.zero_shot import encode_classes
from pipeline.lab.scenes.scene_set import emoji_scenes
from pipeline.rules.heads import Stacked

SEED = 2**44  # no training draws these scenes, and no other measurement
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


def fit_scale(subject: Subject, scenes: int) -> float:
    """The best logit scale for naming what ``scenes`` held-out scenes show."""
    dataset = emoji_scenes(scenes, SEED, atlas=subject.atlas)
    extracted = subject.extract("logit scale", dataset)
    texts = encode_classes(subject.encoder, dataset.classes, TEMPLATES).ensemble
    column = {name: index for index, name in enumerate(dataset.classes)}
    right = torch.tensor([column[example.labels[0]] for example in extracted.examples])
    return best_scale(torch.from_numpy(Stacked.of(extracted.signals).features @ texts.T), right)
