"""Decodes plain JPEGs on a CUDA device, by nvJPEG through torchvision, and all other images as without one."""

from __future__ import annotations

from pipeline.adapters.nvjpeg.decoder import NvjpegDecoder, cuda_device

__all__ = ["NvjpegDecoder", "cuda_device"]
