"""CLIP models through open_clip: find one, load it, and encode images and texts with it in this process."""

from __future__ import annotations

from pipeline.adapters.model_configs import BUNDLED_MODEL
from pipeline.adapters.open_clip.encoder import OpenClipEncoder
from pipeline.adapters.open_clip.load import load_encoder
from pipeline.adapters.open_clip.parts import Parts, load_parts
from pipeline.adapters.open_clip.text import Tokenizer, load_tokenizer
from pipeline.adapters.open_clip.towers import choose_device

__all__ = [
    "BUNDLED_MODEL",
    "OpenClipEncoder",
    "Parts",
    "Tokenizer",
    "choose_device",
    "load_encoder",
    "load_parts",
    "load_tokenizer",
]
