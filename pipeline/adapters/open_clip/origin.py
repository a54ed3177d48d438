"""Finds where a model comes from, and says in one clear line where it cannot be had.

A model is named by what open_clip understands: an architecture (``ViT-B-32``) with a published tag, a checkpoint
file or nothing; ``local-dir:PATH``; ``hf-hub:OWNER/NAME``; or ``bundled``, the small model in this package.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from open_clip.factory import get_model_config, list_models
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

from pipeline.adapters.model_configs import BUNDLED_MODEL
from pipeline.errors import ModelError

BUNDLED = "bundled"
LOCAL = "local-dir:"
HUB = "hf-hub:"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """A model as open_clip is asked for it. It exists, as far as that can be told without loading it."""

    label: str
    """What decisions call the model."""
    architecture: str
    pretrained: str | None
    config: dict[str, Any]
    """open_clip's ``model_cfg``."""
    folder: Path | None = None

    @property
    def is_random(self) -> bool:
        """Whether the weights are drawn by chance: right for tests of speed, wrong for everything else."""
        return self.pretrained is None and ":" not in self.architecture


def find_model(model: str, pretrained: str | None = None) -> ModelOrigin:
    """Resolve a model's name; raises `ModelError` with what to do about it. Only ``hf-hub:`` uses the network."""
    has_own_weights = model == BUNDLED or model.startswith((LOCAL, HUB))
    if has_own_weights and pretrained:
        raise ModelError(f"{model} brings its own weights: leave the pretrained setting ({pretrained}) empty")
    if model == BUNDLED:
        return _from_folder(BUNDLED_MODEL, BUNDLED)
    if model.startswith(LOCAL):
        folder = Path(model.removeprefix(LOCAL))
        return _from_folder(folder, folder.resolve().name)
    if model.startswith(HUB):
        return _from_hub(model)
    return _by_name(model.replace("/", "-"), pretrained or None)


def _from_folder(folder: Path, label: str) -> ModelOrigin:
    path = folder / "open_clip_config.json"
    if not path.is_file():
        raise ModelError(f"{path} does not exist: give a folder with open_clip_config.json and its weights")
    try:
        config = _config_in(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is not open_clip's configuration of a model: {error!r}") from error
    if not any(file for pattern in _WEIGHTS for file in folder.glob(pattern)):
        raise ModelError(f"{folder} holds no weights: put open_clip_model.safetensors beside its configuration")
    return ModelOrigin(label, f"{LOCAL}{folder}", None, config, folder)


def _config_in(whole: Any) -> dict[str, Any]:
    """The configuration, if what is read of it is of its kind. Raises ``KeyError`` and ``TypeError``."""
    config: dict[str, Any] = _of_kind(whole, "model_cfg", dict)
    _of_kind(config, "embed_dim", int)
    _of_kind(config, "vision_cfg", dict)
    text = _of_kind(config, "text_cfg", dict)
    if "tokenizer_kwargs" in text:  # open_clip does not take null either
        _of_kind(text, "tokenizer_kwargs", dict)
    return config


def _of_kind(within: Any, name: str, kind: type) -> Any:
    if not isinstance(within, dict) or not isinstance(within[name], kind):
        raise TypeError(f"what stands for {name} is none")
    return within[name]


def _from_hub(model: str) -> ModelOrigin:
    try:
        config = get_model_config(model)
    except Exception as error:
        raise ModelError(f"{model} cannot be downloaded ({first_line(error)}); {HOW_TO_GO_LOCAL}") from error
    return ModelOrigin(model.removeprefix(HUB), model, None, config)


HOW_TO_GO_LOCAL = (
    "without a network, download the checkpoint elsewhere and give the file's path as the pretrained setting, "
    "or a whole folder as local-dir:PATH"
)


def _by_name(name: str, pretrained: str | None) -> ModelOrigin:
    config = get_model_config(name)
    if config is None:
        raise ModelError(f"open_clip knows no model {name!r}{_suggest(name, list_models())}")
    if pretrained is None:
        return ModelOrigin(f"{name}/random-weights", name, None, config)
    tag = get_pretrained_cfg(name, pretrained)
    if tag:
        config["quick_gelu"] = bool(tag.get("quick_gelu", False))
        return ModelOrigin(f"{name}/{pretrained}", name, pretrained, config)
    if Path(pretrained).is_file():
        return ModelOrigin(f"{name}/{Path(pretrained).stem}", name, pretrained, config)
    tags = list_pretrained_tags_by_model(name)
    known = f"published are {_few(tags)}" if tags else "nobody published weights for it"
    near = _suggest(pretrained, tags)
    raise ModelError(f"{name} has no weights {pretrained!r}, and there is no such file{near} ({known})")


def _few(names: list[str], limit: int = 6) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _suggest(wrong: str, known: list[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = [by_lower[name] for name in get_close_matches(wrong.lower(), by_lower, n=3, cutoff=0.5)]
    return f": did you mean {' or '.join(near)}?" if near else ""


def first_line(error: BaseException) -> str:
    """The first line of an error's own words, or its type's name."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
