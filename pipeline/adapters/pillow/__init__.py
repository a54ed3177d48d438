"""Strangers' bytes to pixels, through Pillow."""

from __future__ import annotations

from pipeline.adapters.pillow.decoder import PillowDecoder

__all__ = ["PillowDecoder"]
