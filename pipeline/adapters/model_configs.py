"""What open_clip's configuration of a model says, without torch, which takes seconds to import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BUNDLED_MODEL = Path(__file__).resolve().parents[1] / "bundled_model"
"""The folder of the small model that ships with the package, in open_clip's ``local-dir:`` layout."""
CONFIG = "open_clip_config.json"
IMAGE_SIZE = 224
"""Pixels of a side, for a model whose configuration says nothing of it, as in open_clip."""


def config_of(model: str) -> tuple[Mapping[str, Any], Path | None] | None:
    """A model's configuration and the model's own folder; None where it is not found on this machine."""
    folder = BUNDLED_MODEL if model == "bundled" else None
    if model.startswith("local-dir:"):
        folder = Path(model.removeprefix("local-dir:"))
    path = folder / CONFIG if folder else package() / "model_configs" / f"{model.replace('/', '-')}.json"
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        return dict(whole["model_cfg"] if folder else whole), folder
    except (OSError, ValueError, KeyError, TypeError):
        return None


def image_size(model: str) -> tuple[int, int]:
    """Height and width of the pixels that the model takes, as far as its configuration tells."""
    found = config_of(model)
    try:
        size = found[0]["vision_cfg"].get("image_size", IMAGE_SIZE) if found else IMAGE_SIZE
        return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return IMAGE_SIZE, IMAGE_SIZE


def package() -> Path:
    """Where open_clip is installed; finding it does not import it."""
    spec = find_spec("open_clip")
    return Path(spec.origin).parent if spec and spec.origin else Path()
