"""Decodes strangers' bytes to pixels with Pillow."""

from __future__ import annotations

from pipeline.adapters.pillow.decoder import PillowDecoder

__all__ = ["PillowDecoder"]
