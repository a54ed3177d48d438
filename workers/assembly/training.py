"""The model that a training run begins from."""

from __future__ import annotations

from pipeline.adapters.open_clip import load_parts
from pipeline.lab.training.trainee import Trainee


def load_trainee(init: str, pretrained: str | None) -> Trainee:
    """Load the model that ``--init`` and ``--pretrained`` name, to be written as large as it is stored there.

    Raises `ModelError` when it cannot be had.
    """
    parts = load_parts(init, pretrained)
    return Trainee(parts.module, parts.tokenizer, parts.config, parts.merges, parts.stored)
