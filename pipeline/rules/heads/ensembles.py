"""Prompt ensembles: one prompt, several templates, one vector.

CLIP's own recipe (Radford et al. 2021, section 3.1.4, and its notebook "Prompt Engineering for ImageNet"): embed the
prompt through each template, L2-normalise, average, L2-normalise again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from pipeline.rules.policies.templates import fill
from pipeline.signals import Features

RECIPE = "2"
"""Raise it with a change that gives the same sentences other features under the same model, if only in the last bit:
workers from before and after the change share a cache, and must not share its entries."""


def digest(prompt: str, templates: Sequence[str]) -> str:
    """sha256 of those sentences and the recipe: the key under which a prompt's features are cached."""
    return sha256("\n".join([RECIPE, *fill(prompt, templates)]).encode()).hexdigest()


def average(features: Features, templates: int) -> Features:
    """``float32[N*T,D]`` of N prompts through T templates each, L2-normalised, to ``float32[N,D]`` likewise."""
    mean = features.reshape(-1, templates, features.shape[-1]).mean(axis=1)
    norms = np.linalg.norm(mean, axis=-1, keepdims=True)
    return np.asarray(mean / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)
