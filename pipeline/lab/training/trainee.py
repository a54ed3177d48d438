"""A model to be trained: open_clip's own parts, what its folder says of it, and how it is written back.

The folder is open_clip's ``local-dir:`` layout: ``open_clip_config.json``, ``open_clip_model.safetensors`` and, for a
vocabulary of its own, the tokenizer's merges. The config names the merges relative to the folder; open_clip hands
that to its tokenizer as it stands, so whoever loads the folder passes ``bpe_path`` explicitly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.errors import UsageError
from pipeline.lab.files import write_atomically, write_text
from pipeline.lab.training.checkpoint import write_weights

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"

Part = Literal["image", "text", "stem"]
"""A tower, or the stem: the image tower's first layers, which know edges and colours whoever draws."""
_STEM = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "stem", "patch_embed", "layer1")
"""What open_clip's and timm's towers call the layers up to the first stage, none of which has all of them.

With pictures of 64 pixels they are half of the arithmetic of the bundled model's image tower.
"""


@dataclass(frozen=True)
class Normalise:
    """``float32[B,3,S,S]`` in [0,1] to what a vision tower takes; per channel, on that scale."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, pixels: Tensor) -> Tensor:
        mean, std = (torch.tensor(each, device=pixels.device).view(-1, 1, 1) for each in (self.mean, self.std))
        return (pixels - mean) / std


@dataclass(frozen=True)
class Trainee:
    """A CLIP model with its tokenizer and its configuration."""

    model: nn.Module
    tokenizer: Callable[[Sequence[str]], Tensor]
    """Texts to ``int64[B, context length]``."""
    config: dict[str, Any]
    """``open_clip_config.json``."""
    merges: bytes | None = None
    """The tokenizer's merges file, where the vocabulary is the model's own."""
    store: torch.dtype = torch.float32
    """The dtype in which floating-point weights are written."""
    frozen: tuple[nn.Module, ...] = ()
    """Parts that training leaves as they are, their batch statistics included."""

    def freeze(self, wanted: Collection[Part]) -> Trainee:
        """The same with these parts frozen; what is left learns to fit them (Zhai et al. 2022, "LiT").

        Raises `UsageError` for a stem that the image tower does not have.
        """
        model: Any = self.model
        parts: dict[Part, Callable[[], tuple[nn.Module, ...]]] = {
            "image": lambda: (model.visual,),
            "text": lambda: (model.text,) if hasattr(model, "text") else _text_parts(model),
            "stem": lambda: _stem(model.visual),
        }
        frozen = tuple(layer for part in dict.fromkeys(wanted) for layer in parts[part]())
        for part in frozen:
            part.requires_grad_(requires_grad=False)
        if "text" in wanted and not hasattr(model, "text"):
            model.positional_embedding.requires_grad_(requires_grad=False)
            if model.text_projection is not None:
                model.text_projection.requires_grad_(requires_grad=False)
        return replace(self, frozen=frozen)

    def train(self) -> nn.Module:
        """The model in training mode, frozen parts in evaluation mode."""
        self.model.train()
        for part in self.frozen:
            part.eval()
        return self.model

    @property
    def size(self) -> int:
        """Pixels a side that the vision tower takes."""
        size = self.config["preprocess_cfg"]["size"]
        return int(size[0] if isinstance(size, list | tuple) else size)

    @property
    def normalise(self) -> Normalise:
        preprocess = self.config["preprocess_cfg"]
        return Normalise(tuple(preprocess["mean"]), tuple(preprocess["std"]))

    def export(self, folder: Path, state: dict[str, Tensor]) -> None:
        """Write the folder with these weights; each file appears whole or not at all."""
        stored = {
            name: (value.to(self.store) if value.is_floating_point() else value).detach().cpu().contiguous()
            for name, value in state.items()
        }
        write_text(folder / CONFIG_FILE, json.dumps(self.config, indent=2) + "\n")
        if self.merges is not None:
            name = self.config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["bpe_path"]
            merges = self.merges
            write_atomically(folder / name, lambda temporary: temporary.write_bytes(merges))
        write_weights(
            folder / WEIGHTS_FILE, lambda temporary: save_file(stored, str(temporary), metadata={"format": "pt"})
        )


def _stem(tower: nn.Module) -> tuple[nn.Module, ...]:
    trunk = getattr(tower, "trunk", tower)
    found = tuple(layer for name, layer in trunk.named_children() if name in _STEM)
    if not found:
        raise UsageError("--freeze stem: this image tower names no first layers; leave it out")
    return found


def _text_parts(model: Any) -> tuple[nn.Module, ...]:
    """The text tower of an ``open_clip.CLIP``, which keeps it in pieces, without what is a bare parameter."""
    return model.token_embedding, model.transformer, model.ln_final
